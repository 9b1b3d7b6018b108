"""The embedder's functions, called from a program: `from edgemesh import tools`.

    tools.search("sandbox", limit=3)          waits for the reply
    await tools.search.aio("sandbox")         lets other tasks run until then

Rules: arguments and replies are values with a wire form. What a tool raises is raised here: as the
built-in exception of that name, or as `ToolError`; nothing of the host's traceback comes along.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import builtins
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import arrays
from .decoding import Decoder
from .doorway import DONE, FORGET, HEAD, MOST_BYTES, PLACE, PREFIX, START, TAKE, WAIT
from .encoding import Encoder, Unfit, dumps, plain

_loads = json.loads
_OWN_WAY = (MemoryError, StopIteration, StopAsyncIteration)  # they mean something to Python


class ToolError(Exception):
    """A tool raised something that is no built-in exception; `type` is its name."""

    __module__ = "edgemesh"

    def __init__(self, type: str, message: str) -> None:
        super().__init__(f"{type}: {message}" if message else type)
        self.type, self.message = type, message


class Tool:
    """One function of the embedder's."""

    __module__ = "edgemesh"
    __slots__ = ("__name__", "_calls")

    def __init__(self, calls: Calls, name: str) -> None:
        self._calls, self.__name__ = calls, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, and wait for what it returns."""
        number = self._calls.start(self.__name__, args, kwargs)
        return value_of(self._calls.take(*self._calls.wait(number)))

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        """The same, to be awaited."""
        return await self._calls.awaited(self._calls.start(self.__name__, args, kwargs))

    def __repr__(self) -> str:
        return f"<tool {self.__name__}>"


class Tools:
    """The tools by name, as attributes."""

    __module__ = "edgemesh"
    __slots__ = ("_calls", "_names")

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._names: list[str] = []

    def __getattr__(self, name: str) -> Tool:
        if name in self._names:
            return Tool(self._calls, name)
        there = ", ".join(self._names) or "none"
        raise AttributeError(f"the sandbox was given no tool {name!r}; there are: {there}")

    def __dir__(self) -> list[str]:
        return list(self._names)


def offer(tools: Tools, names: list[str]) -> None:
    """Say what there is."""
    tools._names = names


class Beside:
    """The tensors that go with a call; they stay where they are until it has begun."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.nbytes = 0
        self._owners: list[Any] = []

    def add(self, name: str, dtype: str, shape: Any, data: Any, media_type: str) -> None:
        """Add one."""
        nbytes = memoryview(data).nbytes
        self._owners.append(data)
        self.nbytes += nbytes
        self.tensors.append(
            {
                "name": name,
                "dtype": dtype,
                "shape": shape,
                "address": arrays.address_of(data),
                "nbytes": nbytes,
                "media_type": media_type,
            }
        )


class Calls:
    """Calls that go out to the host."""

    def __init__(self, door: Callable[[bytes], object]) -> None:
        self._door = door
        self._number = 0
        self._mailbox = bytearray(DONE.size)
        self._mailbox_at = arrays.address_of(self._mailbox)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        """What tasks wait for, by the calls' numbers."""

    def start(self, name: str, args: Any, kwargs: Any) -> int:
        """Begin a call; its number."""
        beside = Beside()
        value = {"args": [*args], "kwargs": kwargs}
        try:
            text = plain(value) or dumps(Encoder(beside.add).encode(value, name))
        except Unfit as error:
            raise TypeError(str(error)) from None
        if len(text) + beside.nbytes > MOST_BYTES:
            raise ValueError(f"the arguments of {name} have more than {MOST_BYTES} bytes")
        return self.send(f'"tool":{dumps(name)},"value":{text}', beside)

    def send(self, asked: str, beside: Beside) -> int:
        """Begin a call of which this is the JSON, with tensors beside it; its number."""
        self._number += 1
        request = f'{{"tensors":{dumps(beside.tensors)},{asked}}}'
        self._door(HEAD.pack(START, self._number) + request.encode())
        return self._number

    def wait(self, number: int = 0, seconds: float = -1.0) -> tuple[int, int]:
        """Wait for a call's end, or any's; its number and its reply's size."""
        self._door(HEAD.pack(WAIT, number) + PLACE.pack(seconds, self._mailbox_at))
        return DONE.unpack(self._mailbox)

    def take(self, number: int, size: int) -> bytearray:
        """A call's reply."""
        reply = bytearray(size)
        self._door(HEAD.pack(TAKE, number) + PLACE.pack(0, arrays.address_of(reply)))
        return reply

    async def awaited(self, number: int, read: Callable[[bytearray], Any] | None = None) -> Any:
        """What `read` makes of a call's reply, for a task; by default its value."""
        self.waiting[number] = future = asyncio.get_running_loop().create_future()
        try:
            return (read or value_of)(await future)
        except asyncio.CancelledError:
            self._door(HEAD.pack(FORGET, number))
            raise
        finally:
            self.waiting.pop(number, None)

    def wake(self, timeout: float | None) -> None:
        """Wake the tasks whose calls have ended; wait for the first as long as `timeout`."""
        seconds = -1.0 if timeout is None else max(timeout, 0.0)
        while True:
            done = self.wait(0, seconds)
            if not done[0]:
                return
            future = self.waiting.pop(done[0], None)
            if future is None or future.done():
                self._door(HEAD.pack(FORGET, done[0]))
            else:
                future.set_result(self.take(*done))
            seconds = 0.0


def value_of(reply: bytearray) -> Any:
    """What a tool returned. Raises what it raised."""
    (length,) = PREFIX.unpack_from(reply)
    answer = _loads(reply[PREFIX.size : PREFIX.size + length])
    if "error" in answer:
        raise _error(**answer["error"])
    return decoder(reply, answer["tensors"]).decode(answer["value"])


def decoder(reply: bytearray, tensors: list[dict[str, Any]]) -> Decoder:
    """What reads values that refer to these tensors, which lie in the reply."""
    known = {tensor["name"]: tensor for tensor in tensors}
    return Decoder(lambda name: array(reply, known[name]), lambda name: raw(reply, known[name]))


def array(reply: bytearray, tensor: dict[str, Any]) -> Any:
    """A tensor of a reply as an array."""
    dtype = np.dtype(tensor["dtype"])
    count = tensor["nbytes"] // dtype.itemsize
    return np.frombuffer(reply, dtype, count, tensor["at"]).reshape(tensor["shape"])


def raw(reply: bytearray, tensor: dict[str, Any]) -> memoryview:
    """A tensor of a reply as bytes."""
    return memoryview(reply)[tensor["at"] : tensor["at"] + tensor["nbytes"]]


def _error(type: str, message: str, notes: list[str]) -> BaseException:
    kind: Any = vars(builtins).get(type)
    error: BaseException = ToolError(type, message)
    try:
        if issubclass(kind, Exception) and not issubclass(kind, _OWN_WAY):
            error = kind(message)
    except TypeError:  # no class, or one that wants more
        pass
    for note in notes:
        error.add_note(note)
    return error


def module(tools: Tools) -> ModuleType:
    """The module `edgemesh`."""
    made = ModuleType("edgemesh", "What the sandbox gives a program beside Python.")
    made.__dict__.update(tools=tools, ToolError=ToolError, __path__=[])
    return made
