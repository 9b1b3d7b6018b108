"""What happens while work runs, as a stream tells it; the last is its `Result`."""

from __future__ import annotations

from dataclasses import dataclass

from edgemesh.compute.v1 import compute_pb2

from edgemesh_client import notebook
from edgemesh_client.regions import Landing
from edgemesh_client.result import Output, Result, read_result
from edgemesh_client.values import from_tensor


@dataclass(frozen=True, slots=True)
class Text:
    """Something was printed."""

    text: str
    stderr: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Token:
    """A language model made a token."""

    text: str
    id: int = 0
    logprob: float | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Progress:
    """The work says how far it is: from 0 to 1."""

    fraction: float
    message: str = ""

    def _repr_html_(self) -> str:
        return notebook.bar(self.fraction, self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """An output is ready before the end."""

    name: str
    value: Output


Event = Text | Token | Progress | Partial | Result


def read_event(event: compute_pb2.ComputeEvent, landing: Landing | None = None) -> Event | None:
    """An event of the contract; None for one that this client does not know."""
    kind = event.WhichOneof("event")
    if kind == "output":
        stderr = event.output.stream == compute_pb2.OUTPUT_STREAM_STDERR
        return Text(event.output.text, stderr)
    if kind == "token":
        token = event.token
        logprob = token.logprob if token.HasField("logprob") else None
        return Token(token.text, token.id, logprob)
    if kind == "progress":
        return Progress(event.progress.fraction, event.progress.message)
    if kind == "tensor":
        return Partial(event.tensor.name, from_tensor(event.tensor.tensor))
    if kind == "response":
        return read_result(event.response, landing)
    return None
