"""What can go wrong in the mesh, as values.

Rules: an error carries fields and knows no transport; `translate` alone maps it to a status. The
message is for a person and never holds a caller's data beyond names, nor a traceback of ours.

    MeshError
    ├── InvalidRequest(violations)            the caller's fault: the envelope
    │   ├── InvalidParameter(violations)      … parameters against their schema
    │   └── InvalidTensor(violations)         … tensors against their bytes and specs
    ├── UnknownAlgorithm(name, nearest)
    ├── UnknownRegion(name)                   of shared memory
    ├── UnknownSession(id)                    for this caller
    ├── SessionExists(id)
    ├── UnusableSession(expected, found)      it does not fit what runs here, or is damaged
    ├── UnknownEnvironment(id)
    ├── UnusableModel(model, why, remedy, retry_after_s)   nothing ran
    ├── UnknownProgram(digest)                an executor lacks it: its gateway has it
    ├── AlreadyExists(name)                   with other content
    ├── UnknownJob(id)                        of this tenant
    ├── UnknownSchedule(id)                   of this tenant
    ├── UnknownChain(id)                      of this tenant
    ├── DependencyFailed(step, job, state)    it never began
    ├── RequestIdTaken(request_id, job, fields)   by a job that differs in these
    ├── JobNotDone(id, state)
    ├── StorageFull(retry_after_s)            nothing was kept
    ├── StoreAway(retry_after_s)              the database does not answer
    ├── QuotaExceeded(what, limit)            the tenant holds as much as it may
    ├── LimitReached(tenant, limit, retry_after_s)    nothing ran
    │   ├── RateLimited                       calls in a time
    │   ├── TooManyAtOnce                     calls at once
    │   └── ComputeSpent                      seconds of slots in a day
    ├── Unauthenticated(expected)
    ├── PermissionDenied(scope)               the caller lacks it
    ├── UnknownKey(prefix)
    ├── UnknownRequest(id)                    of this tenant, or no more
    ├── CallsTooDeep(limit)                   calls of calls of calls
    ├── PayloadTooLarge(size, limit, what, tenant)
    ├── QueueFull(waiting, limit, retry_after_s)      nothing ran
    ├── NotStarted(executor, retry_after_s)           nothing ran
    ├── ShuttingDown(service, retry_after_s)          nothing ran
    ├── ExecutorLost(executor, retry_after_s)         it had begun
    ├── DeadlineExceeded(stage)
    ├── Cancelled()
    ├── WorkFailed(outcome, type, message)    where a failure can be no result
    ├── NotOffered(what)
    └── Internal(error_id)                            ours; the log has the rest
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """One field that is not as it must be."""

    field: str
    """Path of the field, e.g. `inputs.x.shape[1]` or `parameters.axes`."""
    expected: str
    """What was expected there, as a sentence for the caller."""


class MeshError(Exception):
    """Any failure of the mesh itself."""


class InvalidRequest(MeshError):
    """The request's envelope is wrong."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.expected}" for v in self.violations[:8]))


class InvalidParameter(InvalidRequest):
    """Parameters do not fit the algorithm's schema."""


class InvalidTensor(InvalidRequest):
    """A tensor contradicts itself or the algorithm's specs."""


class UnknownAlgorithm(MeshError):
    """No executor offers it."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.name = name[:256]
        self.nearest = tuple(nearest)
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        super().__init__(f"no executor offers algorithm {self.name!r}{hint}")


class UnknownRegion(MeshError):
    """The caller has registered no such region."""

    def __init__(self, name: str) -> None:
        self.name = name[:256]
        super().__init__(f"the caller has no region {self.name!r}")


class UnknownSession(MeshError):
    """The caller has no such session."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"the caller has no session {self.id!r}")


class SessionExists(MeshError):
    """The caller has a session of that name."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"the caller has a session {self.id!r} already")


class UnusableSession(MeshError):
    """The session's state is of something else than what runs here, or is damaged."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected[:256], found[:256]
        super().__init__(f"the session cannot go on here: expected {expected}, found {found}")


class UnusableModel(MeshError):
    """A model that is known cannot be used now; nothing ran."""

    def __init__(
        self, model: str, why: str, remedy: str, retry_after_s: float | None = None
    ) -> None:
        """`remedy`: what would mend it; `retry_after_s`: when to try again, where waiting may."""
        self.model, self.why, self.remedy = model[:64], why[:250], remedy[:160]
        self.retry_after_s = retry_after_s
        super().__init__(f"model {self.model!r} cannot be used now: {self.why}; {self.remedy}")


class UnknownEnvironment(MeshError):
    """There is no such environment, for this caller or on this executor."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"there is no environment {self.id!r}")


class UnknownProgram(MeshError):
    """The executor has no such program, or has forgotten it; nothing ran."""

    def __init__(self, digest: str) -> None:
        self.digest = digest[:256]
        super().__init__(f"this executor has no program {self.digest!r}")


class AlreadyExists(MeshError):
    """That name is taken by something else."""

    def __init__(self, name: str) -> None:
        self.name = name[:256]
        super().__init__(f"{self.name!r} is there already, with other content")


class UnknownJob(MeshError):
    """The tenant has no such job, or no more."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"there is no job {self.id!r}")


class UnknownSchedule(MeshError):
    """The tenant has no such schedule."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"there is no schedule {self.id!r}")


class UnknownChain(MeshError):
    """The tenant has no such chain, or no more."""

    def __init__(self, id: str) -> None:
        self.id = id[:256]
        super().__init__(f"there is no chain {self.id!r}")


class DependencyFailed(MeshError):
    """A job never began, since one that it comes after did not succeed."""

    def __init__(self, step: str, job: str, state: str) -> None:
        self.step, self.job, self.state = step, job, state
        super().__init__(f"step {step!r} (job {job}) is {state}; this one comes after it")


class RequestIdTaken(MeshError):
    """The tenant has named another job so."""

    def __init__(self, request_id: str, job: str, fields: Sequence[str]) -> None:
        self.request_id, self.job, self.fields = request_id[:256], job, tuple(fields)
        super().__init__(
            f"job {job} has request_id {self.request_id!r} and differs in: "
            f"{', '.join(self.fields[:8])}"
        )


class JobNotDone(MeshError):
    """It has not ended."""

    def __init__(self, id: str, state: str) -> None:
        self.id, self.state = id, state
        super().__init__(f"job {id} is {state}; cancel it, or wait for its end")


class StorageFull(MeshError):
    """What should be kept does not fit on the disk; nothing of it was."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("the gateway's disk is full; nothing was kept")


class StoreAway(MeshError):
    """The gateway's database does not answer."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("the gateway's database does not answer now")


class QuotaExceeded(MeshError):
    """The tenant holds as much of something as it may."""

    def __init__(self, what: str, limit: int) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"at most {limit} {what} are kept; give some back")


class Unauthenticated(MeshError):
    """No identity, or one that is not known."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(expected)


class PermissionDenied(MeshError):
    """The caller is known and may not do this."""

    def __init__(self, scope: str) -> None:
        self.scope = scope[:256]
        super().__init__(f"the caller lacks the scope {self.scope!r}")


class UnknownKey(MeshError):
    """There is no API key of that prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix[:64]
        super().__init__(f"there is no key {self.prefix!r}")


class UnknownRequest(MeshError):
    """There is no record of a request, or no more."""

    def __init__(self, id: str) -> None:
        self.id = id[:128]
        super().__init__(f"there is no record of the request {self.id!r}")


class LimitReached(MeshError):
    """A tenant has had what its policy allows; nothing ran."""

    what = ""

    def __init__(self, tenant: str, limit: str, retry_after_s: float) -> None:
        self.tenant, self.limit, self.retry_after_s = tenant, limit, retry_after_s
        super().__init__(f"{self.what.format(limit=limit)}; try again later")


class RateLimited(LimitReached):
    """Calls that begin within a time."""

    what = "the tenant may begin {limit} calls"


class TooManyAtOnce(LimitReached):
    """Calls that run or wait at a time."""

    what = "the tenant may have {limit} calls at once"


class ComputeSpent(LimitReached):
    """Seconds for which a tenant's calls hold slots, in a day of UTC."""

    what = "the tenant may compute for {limit} seconds a day"


class CallsTooDeep(MeshError):
    """Work calls work that calls work, …: more often than is allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"calls may be nested {limit} deep, and this one would be deeper")


class PayloadTooLarge(MeshError):
    """The message is over the policy's size, in bytes."""

    def __init__(self, size: int, limit: int, what: str = "request", tenant: str = "") -> None:
        """`tenant`: whose policy it is; empty: everyone's."""
        self.size, self.limit, self.what, self.tenant = size, limit, what, tenant
        super().__init__(f"the {what} has {size} bytes, at most {limit} are taken")


class QueueFull(MeshError):
    """As many requests wait as may, or as many bytes of them."""

    def __init__(self, limit: int, retry_after_s: float, of: str = "requests") -> None:
        self.limit, self.retry_after_s = limit, retry_after_s
        super().__init__(f"{limit} {of} are waiting already; try again later")


class NotStarted(MeshError):
    """The executor could not be reached, or ended before the work began."""

    def __init__(self, executor: str, retry_after_s: float) -> None:
        self.executor, self.retry_after_s = executor, retry_after_s
        super().__init__(f"executor {executor!r} is not there; the work was not started")


class ShuttingDown(MeshError):
    """The service finishes what runs and takes nothing new."""

    def __init__(self, service: str, retry_after_s: float = 1.0) -> None:
        self.service, self.retry_after_s = service, retry_after_s
        super().__init__(f"{service} is shutting down; the work was not started")


class ExecutorLost(MeshError):
    """The executor went away while it ran the work."""

    def __init__(self, executor: str, retry_after_s: float) -> None:
        self.executor, self.retry_after_s = executor, retry_after_s
        super().__init__(
            f"executor {executor!r} was lost while the work ran; it may have had effects"
        )


class DeadlineExceeded(MeshError):
    """The caller's deadline passed before the work could begin or answer."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        super().__init__(f"the deadline passed while the request was at: {stage}")


class Cancelled(MeshError):
    """The caller left."""

    def __init__(self) -> None:
        super().__init__("the caller cancelled the request")


class WorkFailed(MeshError):
    """The work's own failure, for callers whose protocol has no results that are failures."""

    def __init__(self, outcome: str, type: str, message: str) -> None:
        self.outcome, self.type = outcome, type[:256]
        super().__init__(": ".join(text for text in (outcome, type, message) if text))


class NotOffered(MeshError):
    """A protocol has it, and this service does not."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"not offered here: {what}")


class Internal(MeshError):
    """A fault of ours; the log holds the rest under its id."""

    def __init__(self, error_id: str) -> None:
        self.error_id = error_id
        super().__init__(f"internal error {error_id}; the service's log has the details")
