"""What `--json` prints: the documents that are not already a kind of the library.

Rules: shapes only grow. Every document that a command prints is one of these, or a dataclass of the
library (`JobInfo`, `Key`, …); `documents` says which command prints which, and a test holds each
command's JSON against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemesh_client.account_kinds import UsageOfDay
from edgemesh_client.job_kinds import JobInfo
from edgemesh_client.kinds import Algorithm, Key, Model, SessionInfo, Variable
from edgemesh_client.plans import ScheduleInfo
from edgemesh_client.result import Failure, Usage


@dataclass(frozen=True, slots=True)
class OutputShape:
    """An array, or bytes, that work gave; what is in it is in `value`."""

    dtype: str
    """NumPy's name of the element type, or `bytes`."""
    shape: tuple[int, ...]
    media_type: str


@dataclass(frozen=True, slots=True)
class ResultShape:
    """What came of work."""

    outcome: str
    algorithm: str
    """With its version."""
    request_id: str
    value: Any
    outputs: Mapping[str, OutputShape]
    stdout: str
    stderr: str
    failure: Failure | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """What went wrong; what the mesh did not say is null or empty."""

    type: str
    """The library's class of it."""
    message: str
    code: str | None = None
    """gRPC's, of what the mesh refused."""
    reason: str | None = None
    fields: Mapping[str, str] | None = None
    """Field → what was wrong with it."""
    metadata: Mapping[str, str] | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Of any command, on stderr."""

    error: ErrorShape


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an executor is, as the gateway's metrics say."""

    up: bool
    slots: int
    running: int
    waiting: int


@dataclass(frozen=True, slots=True)
class StatusShape:
    """How the mesh is."""

    address: str
    executors: Mapping[str, int]
    """Executor → how many algorithms it offers now."""
    load: Mapping[str, Load] | None
    """By executor, also of those that are away; null where metrics cannot be read."""
    jobs: Mapping[str, int] | None
    """How many of the caller's jobs are QUEUED and RUNNING, up to 1,000 of each; null where the
    caller may not ask."""


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What can be computed."""

    algorithms: tuple[Algorithm, ...]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of texts, in their order."""

    embeddings: tuple[tuple[float, ...], ...] | None
    """Null where they went to a file."""
    file: str | None


@dataclass(frozen=True, slots=True)
class Jobs:
    """Newest first."""

    jobs: tuple[JobInfo, ...]


@dataclass(frozen=True, slots=True)
class Sessions:
    """By name."""

    sessions: tuple[SessionInfo, ...]


@dataclass(frozen=True, slots=True)
class Variables:
    """By name."""

    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A session, in a file."""

    name: str
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is no more."""

    deleted: str


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A new key."""

    key: Key
    secret: str
    """The key itself, which nobody can tell again."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Newest first."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Models:
    """By name."""

    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model in this machine's models folder."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Schedules:
    """By id."""

    schedules: tuple[ScheduleInfo, ...]


@dataclass(frozen=True, slots=True)
class UsageShape:
    """By day and algorithm."""

    usage: tuple[UsageOfDay, ...]


@dataclass(frozen=True, slots=True)
class ErasedShape:
    """What went, or would go."""

    tenant: str
    dry_run: bool
    count: Mapping[str, int]
    left: tuple[str, ...]
    """Executors that were away, so that what they keep is still there."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of the calls that ended well, in milliseconds."""

    mean: float
    p50: float
    p90: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class BenchShape:
    """What a load came to."""

    algorithm: str
    calls: int
    at_once: int
    failed: int
    errors: Mapping[str, int]
    """Reason, or outcome → how many calls ended so."""
    seconds: float
    per_second: float
    """Calls that ended well, per second."""
    caller_ms: Percentiles | None
    """As the caller saw them; null where no call ended well."""
    run_ms: Percentiles | None
    """Of these, the run itself, as the executor tells it."""


@dataclass(frozen=True, slots=True)
class UpShape:
    """A mesh that serves now, and does until it is stopped."""

    address: str
    rest: str | None
    """Its URL."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor looked at."""

    check: str
    ok: bool
    found: str
    mend: str = ""
    """The command that mends it, where it is not ok."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the doctor looked at; what makes no sense after a finding is left out."""

    ok: bool
    checks: tuple[Finding, ...]
