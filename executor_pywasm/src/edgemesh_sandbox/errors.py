"""What can go wrong outside of the program that is run.

    SandboxError
    ├── ArtifactError    a file of the cache is missing, torn, foreign or unsafe (path, reason)
    ├── SetupError       the images could not be built (step, reason)
    └── InputError       a value given to the program cannot cross into the guest (field, reason)

A program's own failure is no error here: it is a `Result` with another outcome than OK.
"""

from __future__ import annotations

from pathlib import Path


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
