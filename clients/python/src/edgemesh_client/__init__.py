"""edgemesh from Python.

    import edgemesh_client as em

    with em.Client() as client:
        spectrum = client.compute("cpp.fft", x=array, norm="ortho").value

`Client` and `AsyncClient` have the same surface; the README shows it in examples.
"""

from edgemesh_client.async_client import AsyncClient
from edgemesh_client.async_job import AsyncJob, JobEvent, Moved
from edgemesh_client.async_remote import AsyncRemote
from edgemesh_client.async_session import AsyncSession
from edgemesh_client.client import Client
from edgemesh_client.errors import (
    AlgorithmFailed,
    AlreadyExists,
    Cancelled,
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
from edgemesh_client.kinds import (
    Algorithm,
    Environment,
    JobInfo,
    JobState,
    Key,
    SessionInfo,
    TensorSpec,
    Variable,
)
from edgemesh_client.options import Options, Retries
from edgemesh_client.remote import Remote
from edgemesh_client.request import Limits, Priority
from edgemesh_client.result import Failure, Outcome, Output, Result, Usage
from edgemesh_client.session import Session
from edgemesh_client.values import Blob

__all__ = [
    "Algorithm", "AlgorithmFailed", "AlreadyExists", "AsyncClient", "AsyncJob", "AsyncRemote",
    "AsyncSession", "Blob", "Cancelled", "Client", "ConfigurationError", "Crashed",
    "DeadlineExceeded", "EdgemeshError", "Environment", "Event", "Exhausted", "FailedPrecondition",
    "Failure", "Internal", "InvalidRequest", "Job", "JobEvent", "JobInfo", "JobState", "Key",
    "LimitPassed", "Limits", "MeshError", "Moved", "NotFound", "Options", "Outcome", "Output",
    "Partial", "PermissionDenied", "Priority", "ProgramExited", "ProgramRaised", "Progress",
    "Remote", "Result", "Retries", "Session", "SessionInfo", "SourceUnfit", "TensorSpec", "Text",
    "TimeLimit", "Token", "Unauthenticated", "Unavailable", "Undecodable", "Usage", "ValueUnfit",
    "Variable", "WorkCancelled",
]  # fmt: skip
