"""What the pool is told, and what it tells: specifications, work, verdicts, statistics.

Plain data; imported by both sides. Times are seconds (float) where the name says nothing,
microseconds (int) where it ends in ``_us``; sizes are bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .region import Place

Buffer = bytes | bytearray | memoryview
"""Any C-contiguous bytes; a memoryview of other items is taken as its bytes."""


EVENT_COST = 64
"""An event counts as at least this many bytes."""


def error_id(pid: int, call: int) -> str:
    """Name the failure of a handler: in the worker's log, and to the pool's owner."""
    return f"{pid}-{call}"


class Verdict(enum.Enum):
    """How a call that the pool had taken ended."""

    DONE = "done"
    """The handler replied; ``header`` and ``buffers`` are its reply."""
    ERROR = "error"
    """The handler raised; its traceback is in the worker's log under ``error_id``."""
    TIMEOUT = "timeout"
    """The worker was killed: still busy ``grace`` after ``run_time``."""
    CRASH = "crash"
    """The worker died or broke the protocol; ``signal`` or ``exit_code`` and ``detail`` say how.
    ``started`` is False when it had not begun (twice: the pool tries such a call once more)."""
    MEMORY_LIMIT = "memory_limit"
    """The worker was killed: it held more memory than the limit."""
    CANCELLED = "cancelled"
    """The pool was stopped before the call ended."""
    REJECTED = "rejected"
    """The handler's reply is larger than ``reply_limit``."""


class ExitReason(enum.Enum):
    """Why a worker process is no more."""

    START = "start"  # never became ready
    UNFIT = "unfit"  # likewise, since the set-up is wrong: `detail` is a line of setups.BadSetup
    CRASH = "crash"  # died by itself
    PROTOCOL = "protocol"  # killed: sent what the protocol does not allow
    TIMEOUT = "timeout"  # killed: a call ran over
    MEMORY = "memory"  # killed: over its memory limit
    CANCEL = "cancel"  # killed: a cancelled call went on
    RECYCLE = "recycle"  # retired after `recycle_after` calls, or grown beyond `memory_bytes`
    STOP = "stop"  # the pool stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """How a pool is made."""

    target: str
    """``package.module:callable``; called in the worker with ``config``, returns a Handler."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON value passed to ``target``."""
    prepared: Sequence[str] = ()
    """Modules that a zygote imports, once for all pools of the loop with the same ones and `env`,
    before it forks their workers: these start in milliseconds, and share its memory and the layout
    of its addresses. They must start no thread as they are imported. (): each worker is a fresh
    interpreter."""
    workers: int = 2
    """Processes that take calls."""
    spares: int = 1
    """Ready processes kept aside to take the place of one that goes."""
    resting: int = 0
    """Processes kept while nothing has run for half a minute, and from the start until something
    does: for one of many pools. The first call brings the others. 0: all of them, always."""
    lends: int = 0
    """Processes beyond ``workers`` that there may be while calls wait for the front's answer: what
    that asks for may have to run here too, and would wait for the ones that wait for it."""
    concurrency: int = 1
    """Calls that one process takes at a time. At 1 the handler runs on the main thread."""
    one_owner: bool = False
    """Whether a process serves the calls of one owner only, all its life. For an owner who has none
    a place is made: an idle process of another's is replaced by a fresh one."""
    queue: int = 1024
    """Calls that may wait for a worker; more are refused with PoolFull."""
    memory_bytes: int = 0
    """Private memory a worker may hold in all, 0: unlimited. Over it in a call: killed,
    MEMORY_LIMIT. Over it when idle: recycled."""
    recycle_after: int = 0
    """Calls after which a worker is replaced, 0: never."""
    start_timeout: float = 60.0
    """A worker must be ready within this time."""
    grace: float = 0.1
    """A worker still busy this long after a call's ``run_time`` is killed."""
    cancel_grace: float = 0.05
    """A worker still busy this long after a call's cancellation is killed, unless other calls
    run in it: then the slot stays taken until the call ends or runs over."""
    stop_grace: float = 2.0
    """A worker asked to stop is killed after this time."""
    segment_cache_bytes: int = 256 << 20
    """Shared memory that one worker may keep for later calls."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to the workers' minimal environment; an empty value takes a variable out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One call: what the handler gets, and its limits."""

    header: bytes
    """Opaque to the pool."""
    buffers: Sequence[Buffer | Place] = ()
    """Read without a copy by the handler, in this order. Must stay unchanged until the call has
    ended. With ``places`` at most 4,095."""
    places: Sequence[Place] = ()
    """Parts of regions that the handler may write to; what it writes is no part of its reply."""
    owner: str = ""
    """On whose behalf; see ``PoolSpec.one_owner``."""
    prefer: int = 0
    """Process id of the worker that it had best run in, 0: any. Another takes it where that one is
    busy, gone, or another owner's."""
    repeatable: bool = False
    """Whether it may be run a second time when the worker died of it or of another of its calls:
    once, with a worker to itself, so that the one which kills its worker is known and the others
    have their answers. Not where events have been told, places may have been written, it had the
    worker to itself, or less of ``run_time`` is left than it has had."""
    run_time: float = 60.0
    """How long the handler may run. It knows; ``grace`` later it is killed."""
    grace: float | None = None
    """None: ``PoolSpec.grace``. Less, where someone waits who will not wait longer."""
    memory_bytes: int = 0
    """Private memory that the call may add to the idle worker's, 0: unlimited. Sampled every
    20 ms. With ``concurrency`` above 1 it bounds what all calls of the worker add."""
    reply_limit: int = 128 << 20
    """Bytes of header and buffers that a reply may have."""
    event_limit: int = 64 << 20
    """Bytes of all events of the call; each counts as at least 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """A snapshot; counters count since the pool was made."""

    ready: bool
    """Whether a call would find a worker now or as soon as one is free."""
    last_error: str
    """Why the last worker that never got ready did not; empty after a success."""
    starting: int
    idle: int
    """Active workers without a call."""
    busy: int
    """Active workers with at least one call."""
    spare: int
    stopping: int
    """Workers retired or killed that have not ended yet."""
    calls: int
    """Slots that calls hold now; one with a worker to itself holds all of that."""
    slots: int
    """Calls that the active workers could hold."""
    waiting: int
    """Calls in the queue."""
    segment_bytes: int
    """Shared memory held for all workers (an upper bound: untouched pages cost nothing)."""
    verdicts: Mapping[Verdict, int]
    exits: Mapping[ExitReason, int]


class PoolObserver:
    """What the owner may want to know as it happens; override what is needed.

    Called on the pool's loop; must return at once and not raise.
    """

    def readiness(self, ready: bool, error: str) -> None:
        """Tell that the pool became able, or unable, to serve; ``error`` says why unable."""

    def described(self, description: bytes) -> None:
        """Tell what a worker that became ready says of itself, when it says something new."""

    def worker_ready(self, pid: int, start_us: int) -> None:
        """Tell of a worker that became ready ``start_us`` after its spawn."""

    def worker_gone(self, pid: int, reason: ExitReason, detail: str) -> None:
        """Tell of a worker that ended."""
