"""What can go wrong, as types.

    EdgemeshError
    ├── MeshError                what the mesh refused: code, reason, fields, metadata, …
    │   ├── InvalidRequest       INVALID_ARGUMENT, OUT_OF_RANGE, UNIMPLEMENTED
    │   ├── NotFound             ├── AlreadyExists      ├── FailedPrecondition
    │   ├── Unauthenticated      ├── PermissionDenied
    │   ├── Exhausted            a rate, a quota, a queue, a size
    │   ├── Unavailable          ├── DeadlineExceeded   ├── Cancelled     └── Internal
    ├── AlgorithmFailed          the work ended otherwise than OK: result, with what it printed
    │   ├── ProgramRaised        ├── ProgramExited      ├── TimeLimit
    │   ├── LimitPassed          ├── Crashed            └── WorkCancelled
    ├── ConfigurationError       an option of the client's makes no sense
    ├── ValueUnfit               a value has no form on the wire; a TypeError
    ├── SourceUnfit              a function cannot be shipped; a TypeError
    ├── ClientClosed             it was closed, before the call or meanwhile; a RuntimeError
    └── Undecodable              an answer makes no sense

Nothing here knows gRPC: `translate` makes these of its errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemesh_client.result import Result


class EdgemeshError(Exception):
    """Everything that this package raises by itself."""


class MeshError(EdgemeshError):
    """The mesh did not do it."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        reason: str = "",
        fields: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.code = code
        """The name of gRPC's code, e.g. "NOT_FOUND"."""
        self.message = message
        self.reason = reason
        """One of the contract's reasons; empty where the mesh was not reached."""
        self.fields = dict(fields or {})
        """Path of a field → what was expected there."""
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        """When to try again, where waiting helps."""
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.reason or self.code}: {self.message}"]
        lines += [
            f"  {path}: {text}" for path, text in self.fields.items() if text not in self.message
        ]
        return "\n".join(lines)


class InvalidRequest(MeshError):
    """Something in the request is wrong: `fields` says where, and what was expected."""


class NotFound(MeshError):
    """There is none of that name."""


class AlreadyExists(MeshError):
    """There is one of that name already."""


class FailedPrecondition(MeshError):
    """Not in the state that it is in."""


class Unauthenticated(MeshError):
    """The mesh does not know who calls."""


class PermissionDenied(MeshError):
    """The caller may not: `metadata["scope"]` is what is lacking."""


class Exhausted(MeshError):
    """Too much: a rate, a quota, a full queue or a size."""


class Unavailable(MeshError):
    """The mesh, or the executor, is not there."""


class DeadlineExceeded(MeshError, TimeoutError):
    """The caller's time was over."""


class Cancelled(MeshError):
    """It was cancelled."""


class Internal(MeshError):
    """The mesh failed: `metadata["error_id"]` finds it in the logs."""


class AlgorithmFailed(EdgemeshError):
    """The work ended otherwise than OK; `result` has its outcome, failure and what it printed."""

    def __init__(self, result: Result, place: str = "") -> None:
        self.result = result
        failure = result.failure
        what = f"{failure.type}: {failure.message}" if failure and failure.type else ""
        text = f"{place}{result.outcome.value}" + (f": {what}" if what else "")
        if failure and failure.traceback:
            text += f"\n\n{failure.traceback.rstrip()}"
        super().__init__(text)


class ProgramRaised(AlgorithmFailed):
    """It raised an exception."""


class ProgramExited(AlgorithmFailed):
    """It ended itself with a status other than 0."""


class TimeLimit(AlgorithmFailed, TimeoutError):
    """It ran longer than it may."""


class LimitPassed(AlgorithmFailed):
    """It used more CPU time, memory, output or calls than it may: `result.failure.limit`."""


class Crashed(AlgorithmFailed):
    """Its worker died."""


class WorkCancelled(AlgorithmFailed):
    """It was stopped."""


class ConfigurationError(EdgemeshError, ValueError):
    """An option makes no sense; `option` names it."""

    def __init__(self, option: str, message: str) -> None:
        self.option = option
        super().__init__(f"{option}: {message}")


class ValueUnfit(EdgemeshError, TypeError):
    """The value at `place` has no form on the wire, for `reason`."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place} {reason}")


class SourceUnfit(EdgemeshError, TypeError):
    """A function cannot be shipped as it is, for `reason`."""

    def __init__(self, function: str, reason: str) -> None:
        self.function, self.reason = function, reason
        super().__init__(f"{function} {reason}")


class ClientClosed(EdgemeshError, RuntimeError):
    """The client was closed, before the call or while it ran."""

    def __init__(self) -> None:
        super().__init__("the client is closed")


class Undecodable(EdgemeshError, ValueError):
    """An answer makes no sense to this client."""
