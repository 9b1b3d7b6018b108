"""edgemesh from Python.

    import edgemesh_client as em

    with em.Client() as client:
        spectrum = client.compute("cpp.fft", x=array, norm="ortho").value

`Client` and `AsyncClient` have the same surface; the README shows it in examples.
"""

from edgemesh_client.account_kinds import Erased, RequestInfo, UsageOfDay
from edgemesh_client.async_client import AsyncClient
from edgemesh_client.async_job import AsyncJob, JobEvent, Moved
from edgemesh_client.async_remote import AsyncRemote
from edgemesh_client.async_session import AsyncSession
from edgemesh_client.async_shared_memory import AsyncSharedMemory
from edgemesh_client.client import Client
from edgemesh_client.errors import (
    AlgorithmFailed,
    AlreadyExists,
    Cancelled,
    ClientClosed,
    ConfigurationError,
    Crashed,
    DeadlineExceeded,
    EdgemeshError,
    Exhausted,
    FailedPrecondition,
    Internal,
    InvalidRequest,
    LimitPassed,
    MeshError,
    NotFound,
    PermissionDenied,
    ProgramExited,
    ProgramRaised,
    SourceUnfit,
    TimeLimit,
    Unauthenticated,
    Unavailable,
    Undecodable,
    ValueUnfit,
    WorkCancelled,
)
from edgemesh_client.events import Event, Partial, Progress, Text, Token
from edgemesh_client.job import Job
from edgemesh_client.job_kinds import (
    JobInfo,
    JobState,
    WebhookInfo,
    WebhookState,
)
from edgemesh_client.kinds import (
    Algorithm,
    Environment,
    Key,
    Model,
    SessionInfo,
    TensorSpec,
    Variable,
)
from edgemesh_client.options import Options, Retries
from edgemesh_client.plans import (
    ChainInfo,
    Missed,
    OutputOf,
    Plan,
    ResultOf,
    ScheduleInfo,
    Step,
)
from edgemesh_client.remote import Remote
from edgemesh_client.request import Limits, Priority
from edgemesh_client.result import Failure, Outcome, Output, Result, Usage
from edgemesh_client.session import Session
from edgemesh_client.shared_memory import SharedMemory
from edgemesh_client.values import Blob
from edgemesh_client.watch import watch

__all__ = [
    "Algorithm", "AlgorithmFailed", "AlreadyExists", "AsyncClient", "AsyncJob", "AsyncRemote",
    "AsyncSession", "AsyncSharedMemory", "Blob", "Cancelled", "ChainInfo", "Client", "ClientClosed",
    "ConfigurationError", "Crashed", "DeadlineExceeded", "EdgemeshError", "Environment", "Erased",
    "Event", "Exhausted", "FailedPrecondition", "Failure", "Internal", "InvalidRequest", "Job",
    "JobEvent", "JobInfo", "JobState", "Key", "LimitPassed", "Limits", "MeshError", "Missed",
    "Model", "Moved", "NotFound", "Options", "Outcome", "Output", "OutputOf", "Partial",
    "PermissionDenied", "Plan", "Priority", "ProgramExited", "ProgramRaised", "Progress", "Remote",
    "RequestInfo", "Result", "ResultOf", "Retries", "ScheduleInfo", "Session", "SessionInfo",
    "SharedMemory", "SourceUnfit", "Step", "TensorSpec", "Text", "TimeLimit", "Token",
    "Unauthenticated", "Unavailable", "Undecodable", "Usage", "UsageOfDay", "ValueUnfit",
    "Variable", "WebhookInfo", "WebhookState", "WorkCancelled", "watch",
]  # fmt: skip
