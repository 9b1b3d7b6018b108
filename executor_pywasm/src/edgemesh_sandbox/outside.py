"""What an embedder lets programs reach by `edgemesh.call` and `edgemesh.http`: something outside
that answers later.

Rules: a call is started, listened for and taken on the run's own thread, so none is needed beside
it; nothing here raises into the guest. The sandbox knows neither what algorithms there are nor who
may call them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edgemesh_sandbox.guest import doorway
from edgemesh_sandbox.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended."""

    number: int
    reply: bytes
    """What `packed` makes."""
    too_often: bool = False
    """Whether it was one more than the run may make; then there is no reply."""


class Outside(Protocol):
    """The calls of one run."""

    def start(self, number: int, asked: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Begin a call.

        `asked`: `algorithm`, `parameters` (JSON text), `capabilities`, `run_time_ms`; a stranger's
        values. Raises `ValueError`, `TypeError`, `KeyError` for what cannot be asked.
        """
        ...

    def request(self, number: int, asked: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Send an HTTP request.

        `asked`: `method`, `url`, `headers` (pairs), `seconds`; the tensor `body` is its body.
        Raises as `start` does.
        """
        ...

    def forget(self, number: int) -> None:
        """Cancel one: its reply is not wanted any more."""
        ...

    def listen(self, seconds: float) -> None:
        """Wait for the end of some call, at most so long. Raises `EOFError`: nobody answers."""
        ...

    def ended(self) -> list[Ended]:
        """Those that have ended since."""
        ...


def packed(answer: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """A reply as the guest reads it: `answer`, with `tensors` beside it. Raises `ValueError`."""
    places: list[dict[str, Any]] = []
    end = 0
    for name, tensor in tensors.items():
        at, nbytes = _aligned(end), memoryview(tensor.data).nbytes
        places.append({"name": name, "dtype": tensor.dtype, "shape": tensor.shape, "at": at})
        places[-1]["nbytes"] = nbytes
        end = at + nbytes
    whole: dict[str, Any] = {**answer, "tensors": places}
    # Its places lie behind the JSON, which tells them: room is left for their digits.
    room = _aligned(doorway.PREFIX.size + len(json.dumps(whole)) + 16 * len(places))
    for place in places:
        place["at"] += room
    text = json.dumps(whole, allow_nan=False).encode()
    if room + end > doorway.MOST_BYTES:
        raise ValueError(f"the tool's reply has more than {doorway.MOST_BYTES} bytes")
    reply = bytearray(room + end)
    doorway.PREFIX.pack_into(reply, 0, len(text))
    reply[doorway.PREFIX.size : doorway.PREFIX.size + len(text)] = text
    for place, tensor in zip(places, tensors.values(), strict=True):
        reply[place["at"] : place["at"] + place["nbytes"]] = memoryview(tensor.data).cast("B")
    return bytes(reply)


def _aligned(number: int) -> int:
    return number + -number % doorway.ALIGNMENT
