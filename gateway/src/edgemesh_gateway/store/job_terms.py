"""What the gateway says to the store of jobs, and hears from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgemesh.compute.v1 import job_pb2

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
    ends: bool = False
    """Whether it is the job's end, and something follows it (`job_ends`)."""
    chain: str | None = None
    """The chain that the job is a step of."""

    @property
    def again(self) -> bool:
        """Whether the job goes back into the queue."""
        return self.fields.get("state") == job_pb2.JOB_STATE_QUEUED


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


@dataclass(frozen=True, slots=True)
class Ended:
    """A job's end, for those who count."""

    state: int
    created_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits and runs, of all gateways."""

    queued: int = 0
    running: int = 0
    first_ms: int | None = None
    """When the oldest of those queued was handed in."""


@dataclass(slots=True)
class Swept:
    """What a round found."""

    cancelling: list[str] = field(default_factory=list[str])
    """The owner's jobs whose end was asked for."""
    ended: list[str] = field(default_factory=list[str])
    """Jobs that ended or came back into the queue in this round."""
    ends: list[Ended] = field(default_factory=list[Ended])
    """Those of them that ended."""
    taken_over: int = 0
    """Those of them that another gateway had held."""
    forgotten: list[str] = field(default_factory=list[str])
