"""What can go wrong outside of the program that is run.

    SandboxError
    ├── ArtifactError    a file of the cache is missing, torn, foreign or unsafe (path, reason)
    ├── SetupError       the images could not be built (step, reason)
    ├── SnapshotError    bytes are no snapshot, or one that does not fit (field, expected, found)
    ├── ProgramFailed    a program that was to be set up did not end well (result)
    ├── SessionError     a session cannot do what it is asked for (reason)
    └── InputError       a value given to the program cannot cross into the guest (field, reason)

A program's own failure is no error here: it is a `Result` with another outcome than OK; but where a
program is run for what it leaves behind, there is nothing without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemesh_sandbox.result import Result


class SandboxError(Exception):
    """The root of this package's errors."""


class ArtifactError(SandboxError):
    """The file or folder at `path` cannot be used, for `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class SetupError(SandboxError):
    """The `step` of building the images failed, for `reason`."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class InputError(SandboxError):
    """The input `field` cannot cross into the guest, for `reason`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class SnapshotError(SandboxError):
    """A snapshot's `field` should be `expected` and is `found`."""

    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f"the snapshot's {field}: expected {expected}, found {found}")
        self.field = field
        self.expected = expected
        self.found = found


class SessionError(SandboxError):
    """A session cannot do this, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProgramFailed(SandboxError):
    """A program that was to be set up did not end well; `result` says how."""

    def __init__(self, result: Result) -> None:
        failure = result.failure
        why = f"{failure.type}: {failure.message}" if failure else result.outcome.value
        super().__init__(f"the program failed: {why}")
        self.result = result
