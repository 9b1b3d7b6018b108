"""What a wall is, and what became of raising it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class CannotRaise(Exception):
    """This wall cannot stand here, for the reason that the text says."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the walls are raised around: what the worker must still be able to do."""

    readable: tuple[Path, ...]
    """Files and folders that it reads: the images, its own Python."""
    uid: int
    """The user and group that it becomes where it is root; 0: it stays what it is."""


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall."""

    name: str
    raise_: Callable[[Ground], str]
    """Raises it for this process and says how high, in words; CannotRaise or OSError if not."""
    doubled: bool = False
    """Whether another wall holds what this one holds: a strict worker can be without it."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What became of one wall."""

    name: str
    stands: bool
    detail: str
    """How high it stands, or why it does not."""
    doubled: bool


class WallsMissing(Exception):
    """A strict worker lacks walls, and does not start."""

    def __init__(self, missing: tuple[Raised, ...]) -> None:
        self.missing = missing
        reasons = "; ".join(f"{wall.name}: {wall.detail}" for wall in missing)
        super().__init__(f"walls are strict, and some cannot be raised: {reasons}")
