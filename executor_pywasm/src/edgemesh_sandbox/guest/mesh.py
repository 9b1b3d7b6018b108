"""The mesh's algorithms, called from a program: `import edgemesh`.

    edgemesh.call("cpp.fft", x=array)                    waits for the answer
    await edgemesh.call.aio("ml.embed", texts=["a"])     lets other tasks run until then

Rules: arrays and bytes among the arguments are the algorithm's inputs, all else its parameters.
What the request was not granted, and what its caller may not do, is refused: `CallRefused`. An
algorithm that did not end well raises `CallFailed`.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import arrays
from .doorway import MOST_CALL_BYTES, PREFIX
from .encoding import Encoder, Unfit, dumps, plain
from .tools import Beside, Calls, array, decoder, raw

_loads = json.loads
_TAGGED = ("python.", "js.", "ruby.")
"""Namespaces that read and write the wire form of values; others have JSON alone."""
_MOST_DEPTH = 100


class CallError(Exception):
    """A call of an algorithm gave no answer."""

    __module__ = "edgemesh"


class CallFailed(CallError):
    """The algorithm did not end well.

    `outcome`: EXCEPTION, TIMEOUT, MEMORY_LIMIT, CRASH, …; `type` and `message` of its failure;
    `stdout` and `stderr` until then.
    """

    __module__ = "edgemesh"

    def __init__(self, algorithm: str, told: dict[str, Any]) -> None:
        self.algorithm, self.outcome = algorithm, told["outcome"]
        self.type, self.message = told.get("type", ""), told.get("message", "")
        self.stdout, self.stderr = told.get("stdout", ""), told.get("stderr", "")
        super().__init__(f"{algorithm}: {self.outcome}: {self.type}: {self.message}")


class CallRefused(CallError):
    """The mesh did not run it.

    `reason`: UNKNOWN_ALGORITHM, INVALID_PARAMETER, NOT_GRANTED, DEADLINE_EXCEEDED, …; `fields`:
    what was expected where.
    """

    __module__ = "edgemesh"

    def __init__(self, reason: str, message: str, fields: dict[str, str] | None = None) -> None:
        self.reason, self.message, self.fields = reason, message, fields or {}
        super().__init__(f"{reason}: {message}")


class Answer:
    """What an algorithm gave: `result`, and `outputs` by name, which `answer["y"]` gives too."""

    __module__ = "edgemesh"
    __slots__ = ("algorithm", "outputs", "result", "stderr", "stdout")

    def __init__(self, told: dict[str, Any], result: Any, outputs: dict[str, Any]) -> None:
        self.result, self.outputs = result, outputs
        self.algorithm, self.stdout, self.stderr = (
            told["algorithm"],
            told["stdout"],
            told["stderr"],
        )

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]

    def __repr__(self) -> str:
        return f"<answer of {self.algorithm}: {self.result!r}, outputs {[*self.outputs]}>"


class Call:
    """Calls algorithms."""

    __module__ = "edgemesh"
    __slots__ = ("_calls", "_capabilities", "_run_time_ms")

    def __init__(
        self, calls: Calls, capabilities: Iterable[str] = (), run_time_ms: int = 0
    ) -> None:
        self._calls, self._capabilities, self._run_time_ms = calls, [*capabilities], run_time_ms

    def having(self, *capabilities: str, run_time_ms: int = 0) -> Call:
        """The same, whose calls have these capabilities (of this run's own) and this run time."""
        return Call(self._calls, capabilities, run_time_ms)

    def __call__(self, algorithm: str, /, **arguments: Any) -> Answer:
        """Call one, and wait for its answer."""
        number = self._start(algorithm, arguments)
        return answer_of(algorithm, self._calls.take(*self._calls.wait(number)))

    async def aio(self, algorithm: str, /, **arguments: Any) -> Answer:
        """The same, to be awaited."""
        number = self._start(algorithm, arguments)
        return await self._calls.awaited(number, lambda reply: answer_of(algorithm, reply))

    def __repr__(self) -> str:
        return "<edgemesh.call>"

    def _start(self, algorithm: str, arguments: dict[str, Any]) -> int:
        if not isinstance(algorithm, str):
            raise TypeError(f"an algorithm's name, not {type(algorithm).__name__}")
        _bound(algorithm, sum(map(_nbytes, arguments.values())))
        beside = Beside()
        text = _parameters(algorithm, arguments, beside)
        _bound(algorithm, beside.nbytes + len(text))
        asked = {
            "algorithm": algorithm,
            "parameters": text,
            "capabilities": self._capabilities,
            "run_time_ms": self._run_time_ms,
        }
        return self._calls.send(f'"call":{dumps(asked)}', beside)


def answer_of(algorithm: str, reply: bytearray) -> Answer:
    """The answer in a reply. Raises `CallFailed`, `CallRefused`."""
    (length,) = PREFIX.unpack_from(reply)
    told = _loads(reply[PREFIX.size : PREFIX.size + length])
    if "refused" in told:
        raise CallRefused(**told["refused"])
    if "error" in told:
        raise CallRefused("INVALID_REQUEST", told["error"]["message"])
    answer = told["answer"]
    if answer["outcome"] != "OK":
        error = CallFailed(algorithm, answer)
        for note in _loads(answer.get("notes", "[]")):
            error.add_note(note)
        raise error
    result = _loads(answer["result"])
    if algorithm.startswith(_TAGGED):
        result = decoder(reply, told["tensors"]).decode(result)
    outputs = {
        tensor["name"]: bytes(raw(reply, tensor))
        if tensor["dtype"] == "bytes"
        else array(reply, tensor)
        for tensor in told["tensors"]
    }
    return Answer(answer, result, outputs)


def _parameters(algorithm: str, arguments: dict[str, Any], beside: Beside) -> str:
    """The parameters' JSON text; the inputs go to `beside`."""
    encoder, parameters = Encoder(beside.add), {}
    tagged = algorithm.startswith(_TAGGED)
    try:
        for name, value in arguments.items():
            if isinstance(value, (bytes, bytearray, memoryview)):
                data = bytes(value)
                beside.add(name, "bytes", (len(data),), data, "")
            elif arrays.is_array(value):
                if not arrays.is_plain(value):
                    raise TypeError(f"{name}: arrays of {value.dtype} cannot be inputs")
                encoder.encode(value, name)
            elif tagged:
                parameters[name] = encoder.encode(value, name)
            else:
                parameters[name] = _json(value, name, 0)
        return plain(parameters) or dumps(parameters)
    except Unfit as error:
        raise TypeError(str(error)) from None
    except ValueError as error:
        raise TypeError(f"the parameters of {algorithm} are no JSON: {error}") from None


def _json(value: Any, place: str, depth: int) -> Any:
    """JSON as it is; sequences as lists, NumPy's numbers as numbers."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth > _MOST_DEPTH:
        raise TypeError(f"{place} is nested more than {_MOST_DEPTH} deep")
    if isinstance(value, (list, tuple, range)):
        return [_json(item, f"{place}[{at}]", depth + 1) for at, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json(item, f"{place}.{key}", depth + 1) for key, item in value.items()}
    try:
        return arrays.scalar(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{place}: JSON or an array, not a value of type {kind}") from None


def _nbytes(value: Any) -> int:
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    return value.nbytes if isinstance(value, (np.ndarray, memoryview)) else 0


def _bound(algorithm: str, nbytes: int) -> None:
    if nbytes > MOST_CALL_BYTES:
        raise CallRefused(
            "PAYLOAD_TOO_LARGE",
            f"the arguments of {algorithm} have {nbytes} bytes; a call takes at most "
            f"{MOST_CALL_BYTES}",
        )


def names(calls: Calls) -> dict[str, Any]:
    """What the module `edgemesh` has of this."""
    return {
        "call": Call(calls),
        "Answer": Answer,
        "CallError": CallError,
        "CallFailed": CallFailed,
        "CallRefused": CallRefused,
    }
