"""What an author of work writes: a handler, its replies, and what its calls may raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .spec import Buffer

if TYPE_CHECKING:
    from .call import Call


class ReplyTooLarge(Exception):
    """A reply or an allocation of ``size`` bytes exceeds the call's ``limit``."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the reply has {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class EventsTooLarge(Exception):
    """The call's events exceed ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the events of this call exceed {limit} bytes")
        self.limit = limit


class BackCallFailed(Exception):
    """The front could not answer :meth:`Call.call <mesh_service.pool.call.Call.call>`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's answer: ``header`` is opaque to the pool, ``buffers`` arrive in this order.

    A buffer (or a slice of one) that the call's ``allocate`` gave, or one of its inputs, costs no
    copy; any other is copied once.
    """

    header: bytes
    buffers: Sequence[Buffer] = ()


class Handler(Protocol):
    """Does the work of one worker process. Called by several threads at concurrency > 1.

    At concurrency 1 one may have a method ``rest()`` too, which is called when a reply has been
    sent: the time to prepare for the next call.
    """

    def __call__(self, call: Call) -> Reply:
        """Run one call. What it raises is logged, and the caller learns an id only."""
        ...

    def describe(self) -> bytes:
        """Say what this worker does; called once, when it has been made."""
        ...

    def close(self) -> None:
        """Free what it holds; called once, before an orderly exit."""
        ...
