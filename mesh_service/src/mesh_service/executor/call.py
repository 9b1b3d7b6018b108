"""One call as an executor's runner sees it, inside a worker process.

Rules: parameters and inputs are valid already; a runner returns a Reply or raises one of the two
errors here; anything else that it raises is ours, logged, and told to the caller by id only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2

_STREAMS: dict[str, compute_pb2.OutputStream.ValueType] = {
    "stdout": compute_pb2.OUTPUT_STREAM_STDOUT,
    "stderr": compute_pb2.OUTPUT_STREAM_STDERR,
}


class AlgorithmFailure(Exception):
    """The algorithm raised: outcome EXCEPTION."""

    def __init__(self, type: str, message: str, traceback: str = "") -> None:
        self.type, self.message, self.traceback = type, message, traceback
        super().__init__(f"{type}: {message}")


class InvalidInput(Exception):
    """Inputs that only the algorithm can judge are wrong: INVALID_ARGUMENT, field → expected."""

    def __init__(self, violations: Mapping[str, str]) -> None:
        self.violations = dict(violations)
        super().__init__("; ".join(f"{k}: {v}" for k, v in self.violations.items()))


FRESH_RANDOM, DETERMINISTIC = 1, 2
"""In the first byte of a session's state."""
INSPECT = "inspect"
"""The capability by which a front asks what a session has, instead of running anything."""


class UnusableSession(Exception):
    """The session's state does not fit what runs here: FAILED_PRECONDITION."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected {expected}, found {found}")


@dataclass(frozen=True, slots=True)
class SessionOf:
    """The session that a call is of, as the front knows it."""

    number: bytes
    """16 bytes that no other state of any session has; `calls` of them are behind it."""
    calls: int
    whole: bool
    """Whether the reply's state is to be all of it, not what has changed."""
    ask: Callable[[bytes], bytes]
    """Asks the front for the state, piece by piece: from which byte on, 8 bytes little-endian;
    the answer is a piece of it, empty at its end. The first byte says of what kind it is."""


def too_small(name: str, nbytes: int, room: int) -> InvalidInput:
    """An output does not fit the place that the caller has named for it."""
    return InvalidInput({f"outputs_to.{name}.size": f"{nbytes} or more, not {room}"})


@dataclass(frozen=True, slots=True)
class TensorView:
    """An n-dimensional array as bytes."""

    dtype: int
    """A `DataType`."""
    shape: tuple[int, ...]
    data: memoryview
    """The elements in C order, little-endian."""
    media_type: str = ""


@dataclass(slots=True)
class Reply:
    """What came of a call."""

    outcome: compute_pb2.Outcome.ValueType = compute_pb2.OUTCOME_OK
    result: Any = None
    """A JSON value; None: no result."""
    outputs: Mapping[str, TensorView] = field(default_factory=dict[str, TensorView])
    stdout: str = ""
    stderr: str = ""
    failure: compute_pb2.Failure | None = None
    """Required unless the outcome is OK."""
    fuel: int = 0
    peak_memory_bytes: int = 0
    """0: the pool's sampled figure is used."""
    input_tokens: int = 0
    """Tokens that a language model read."""
    output_tokens: int = 0
    """Tokens that it made."""
    stages: Mapping[str, int] = field(default_factory=dict[str, int])
    """Where the time went, in microseconds, by names of the runner's own, in their order."""
    state: bytes | None = None
    """In a session: what the call has changed, for the front to keep; None: nothing is kept."""


class PoolCall(Protocol):
    """What is needed of the pool's own call."""

    deadline: float
    cancelled: threading.Event

    def emit(self, event: bytes) -> None:
        """Send an event."""
        ...

    def allocate(self, nbytes: int) -> memoryview:
        """Get result memory."""
        ...


class Back(Protocol):
    """The way from a run back to the front; see the pool's own call."""

    deadline: float

    def post(self, request: bytes) -> int:
        """Ask something; the question's token."""
        ...

    def answer(self, token: int) -> bytes | None:
        """Its answer, once; None while there is none. Raises BackCallFailed."""
        ...

    def listen(self, seconds: float) -> None:
        """Wait for answers, at most so long. Raises EOFError."""
        ...


class Call:
    """One call: what to run, on what, within which limits."""

    __slots__ = (
        "_places",
        "_pool",
        "image",
        "inputs",
        "parameters",
        "request",
        "session",
        "streaming",
    )

    def __init__(
        self,
        pool: PoolCall,
        request: compute_pb2.ComputeRequest,
        parameters: dict[str, Any],
        inputs: dict[str, TensorView],
        streaming: bool,
        places: Mapping[str, memoryview] | None = None,
        *,
        session: SessionOf | None = None,
        image: memoryview | None = None,
    ) -> None:
        self._pool = pool
        self._places = places or {}
        self.request = request
        self.parameters = parameters
        """Valid against the algorithm's parameters_schema."""
        self.inputs = inputs
        """By name, valid against the algorithm's TensorSpecs; readable until the call ends."""
        self.streaming = streaming
        """Whether the caller reads events as they happen."""
        self.session = session
        """The session that it goes on in; None: it starts anew."""
        self.image = image
        """What the front says that the work stands on (see `ground`); None: nothing."""

    @property
    def back(self) -> Back:
        """The way back to the front, for what the run was granted."""
        return cast(Back, self._pool)

    @property
    def algorithm(self) -> str:
        """The name, without the version."""
        return self.request.algorithm.partition("@")[0]

    @property
    def version(self) -> str:
        """The version that runs."""
        return self.request.algorithm.partition("@")[2]

    @property
    def limits(self) -> compute_pb2.Limits:
        """The limits in force; run_time_ms, memory_bytes and output_bytes are never 0."""
        return self.request.limits

    @property
    def run_time_s(self) -> float:
        """The run time in force, in seconds."""
        return self.request.limits.run_time_ms / 1e3

    @property
    def deadline(self) -> float:
        """When the run time ends, on time.monotonic()."""
        return self._pool.deadline

    @property
    def cancelled(self) -> threading.Event:
        """Set when the caller has left: stop soon, or the worker is killed."""
        return self._pool.cancelled

    def output(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Tell of text as it is printed; the reply's stdout holds all of it nevertheless."""
        self._emit(
            compute_pb2.ComputeEvent(
                output=compute_pb2.OutputEvent(stream=_STREAMS[stream], text=text)
            )
        )

    def token(self, text: str, id: int, logprob: float | None = None) -> None:
        """Tell of a token; `text` holds whole characters only."""
        token = compute_pb2.TokenEvent(text=text, id=id)
        if logprob is not None:
            token.logprob = logprob
        self._emit(compute_pb2.ComputeEvent(token=token))

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the work is, from 0 to 1."""
        self._emit(
            compute_pb2.ComputeEvent(
                progress=compute_pb2.ProgressEvent(fraction=fraction, message=message)
            )
        )

    def allocate(self, nbytes: int) -> memoryview:
        """Writable memory that the front shares: a result written into it is never copied here."""
        return self._pool.allocate(nbytes)

    def place(self, name: str, nbytes: int) -> memoryview | None:
        """Where the caller wants that output to be written; None: nowhere, so `allocate`.

        It need not be used: what is not written there is copied there. Raises InvalidInput where it
        is too small.
        """
        place = self._places.get(name)
        if place is None:
            return None
        if nbytes > place.nbytes:
            raise too_small(name, nbytes, place.nbytes)
        return place[:nbytes]

    def _emit(self, event: compute_pb2.ComputeEvent) -> None:
        self._pool.emit(event.SerializeToString())


class Runner(Protocol):
    """What an executor's author writes; one lives in each worker process.

    One that confines its process has `walls` too: what stands and what does not, each with `name`,
    `stands` and `detail`; one that computes with native code may have `build`, the contract's
    Build. Describe tells them.
    """

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """What it can run; called once, when it has been made."""
        ...

    def run(self, call: Call) -> Reply:
        """Run one call. Raises AlgorithmFailure or InvalidInput."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...
