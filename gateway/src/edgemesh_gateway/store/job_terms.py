"""What the gateway says to the store of jobs, and hears from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgemesh_gateway.store.job_records import JobRecord


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that is not kept yet."""

    sequence: int
    at_ms: int
    attempt: int
    state: int = 0
    work: bytes = b""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an attempt, as its owner says."""

    id: str
    owner: str
    attempt: int
    fields: Mapping[str, Any]
    """New values of columns."""
    happenings: Sequence[Happening] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner can take."""

    owner: str
    now_ms: int
    until_ms: int
    """Until when its lease is."""
    executors: Mapping[str, str]
    """Namespace → the executor that has it."""
    places: Mapping[str, int]
    """Executor → how many jobs it can take."""
    after: tuple[str, str] = ("", "")
    """The tenant and namespace that was last served."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What it got."""

    jobs: Sequence[JobRecord]
    after: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for in a list."""

    states: Sequence[int] = ()
    algorithm: str = ""
    from_ms: int = 0
    before_ms: int = 0
    before_id: str = ""
    most: int = 100


@dataclass(slots=True)
class Swept:
    """What a round found."""

    cancelling: list[str] = field(default_factory=list[str])
    """The owner's jobs whose end was asked for."""
    ended: list[str] = field(default_factory=list[str])
    """Jobs that ended or came back into the queue in this round."""
    forgotten: list[str] = field(default_factory=list[str])
