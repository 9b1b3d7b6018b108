"""Functions of the embedder's that a program may call: `from edgemesh import tools`.

    sandbox.run("from edgemesh import tools; output = tools.add(1, 2)", tools={"add": operator.add})

Rules: a tool runs on a thread of its own (an async one on the embedder's loop, if there is one), so
that the run's deadline and its caller's wish hold meanwhile; what comes after the run's end is
dropped. Arguments come from a stranger: they are values, of bounded size, but any values. What a
tool raises reaches the program as a type's name and a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.guest import doorway
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.outside import Outside, packed
from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.values import Malformed, from_wire, to_wire
from edgemesh_sandbox.watch import Watch

Function = Callable[..., Any]

_SLICE_S = 0.02
_SHORT_S = 0.001
_MOST_MESSAGE = 8_192
_MOST_NOTES = 16
_OK, _EINVAL = 0, 28  # of WASI preview 1


class Running(Protocol):
    """What is known of the run."""

    memory: GuestMemory
    watch: Watch


class Tools:
    """Functions by the names that programs call them by. Raises `ValueError` for a bad name."""

    def __init__(
        self,
        functions: Mapping[str, Function] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`loop`: where async functions run; without, each on a loop of its own thread."""
        self.functions = dict(functions or {})
        self.loop = loop
        for name in self.functions:
            if not name.isidentifier() or name.startswith("_"):
                raise ValueError(f"a tool's name is an identifier without _ in front, not {name!r}")


def as_tools(tools: Mapping[str, Function] | Tools | None) -> Tools:
    """Tools, of functions by name."""
    return tools if isinstance(tools, Tools) else Tools(tools)


class ToolCalls:
    """The calls of one run."""

    def __init__(self, tools: Tools, most: int, outside: Outside | None = None) -> None:
        """`most`: how many the run may make in all. `outside`: what `edgemesh.call` reaches."""
        self._tools, self._outside = tools, outside
        self._far: set[int] = set()
        self._left = most
        self._changed = threading.Condition()
        self._running: dict[int, _Call] = {}
        self._done: dict[int, bytes] = {}
        self._closed = False

    @property
    def names(self) -> list[str]:
        """What can be called."""
        return list(self._tools.functions)

    def request(self, run: Running, address: int, size: int) -> int:
        """Do what the guest asks; an error number."""
        if size > doorway.MOST_BYTES + doorway.HEAD.size:
            return _EINVAL
        frame = bytes(run.memory.view(address, size))
        if size < doorway.HEAD.size:
            return _EINVAL
        asked, number = doorway.HEAD.unpack_from(frame)
        rest = frame[doorway.HEAD.size :]
        if asked == doorway.START:
            return self._start(run, number, rest)
        if asked == doorway.FORGET:
            return self._forget(number)
        if len(rest) != doorway.PLACE.size:
            return _EINVAL
        seconds, place = doorway.PLACE.unpack(rest)
        if asked == doorway.WAIT:
            return self._wait(run, number, seconds, place)
        return self._take(run, number, place) if asked == doorway.TAKE else _EINVAL

    def close(self) -> None:
        """Drop what is still under way: the run has ended."""
        with self._changed:
            self._closed = True
            running = list(self._running.values())
            self._running.clear()
            self._done.clear()
        for call in running:
            call.cancel()

    def _start(self, run: Running, number: int, text: bytes) -> int:
        if number in self._running or number in self._far or number in self._done:
            return _EINVAL
        if not self._left:
            run.watch.exceed_calls()
            return _EINVAL
        self._left -= 1
        if len(self._running) + len(self._far) + len(self._done) >= doorway.MOST_CALLS:
            error = RuntimeError(f"more than {doorway.MOST_CALLS} calls of tools at once")
            self._done[number] = _failed(error)
            return _OK
        try:
            asked = cast(dict[str, Any], json.loads(text))
            tensors = {t["name"]: _tensor(t, run.memory) for t in asked["tensors"]}
            for kind in ("call", "http"):
                if kind in asked:
                    return self._start_outside(number, kind, asked[kind], tensors)
            function = self._tools.functions.get(asked["tool"])
            value = from_wire(asked["value"], tensors)
            args, kwargs = tuple(value["args"]), dict(value["kwargs"])
        except (Malformed, InputError, ValueError, TypeError, KeyError, RecursionError) as error:
            self._done[number] = _failed(TypeError(f"the arguments make no sense: {error}"))
            return _OK
        if function is None:
            self._done[number] = _failed(NameError(f"no tool {str(asked['tool'])[:100]!r}"))
            return _OK
        call = _Call(lambda: function(*args, **kwargs), self._tools.loop)
        self._running[number] = call
        context = contextvars.copy_context()

        def work() -> None:
            reply = context.run(call.reply)
            with self._changed:
                if self._running.pop(number, None) is not None:
                    self._done[number] = reply
                    self._changed.notify_all()

        # A thread of its own, so that one that never returns holds nobody up.
        threading.Thread(target=work, name="tool", daemon=True).start()
        return _OK

    def _start_outside(
        self, number: int, kind: str, asked: dict[str, Any], tensors: dict[str, Tensor]
    ) -> int:
        if self._outside is None:
            what = "calls" if kind == "call" else "hosts"
            why = f"this run was granted no {what}; a caller asks for them by `capabilities`"
            refused: dict[str, Any] = {"reason": "NOT_GRANTED", "message": why, "fields": {}}
            self._done[number] = packed({"refused": refused}, {})
        else:
            begin = self._outside.start if kind == "call" else self._outside.request
            begin(number, asked, tensors)
            self._far.add(number)
        return _OK

    def _fetch(self, run: Running) -> None:
        """Take in what has come from outside."""
        assert self._outside is not None
        self._outside.listen(0)
        for ended in self._outside.ended():
            if ended.too_often:
                run.watch.exceed_calls()
            elif ended.number in self._far:
                self._far.discard(ended.number)
                self._done[ended.number] = ended.reply

    def _wait(self, run: Running, number: int, seconds: float, place: int) -> int:
        until = time.monotonic() + seconds if seconds >= 0 else float("inf")
        done = 0
        while not run.watch.should_stop():
            left = until - time.monotonic()
            try:
                if self._far:
                    self._fetch(run)
                with self._changed:
                    if number:
                        done = number if number in self._done else 0
                        idle = number not in self._running and number not in self._far
                    else:
                        done, idle = next(iter(self._done), 0), not (self._running or self._far)
                    if done or idle or left <= 0:
                        break
                    if not self._far:
                        self._changed.wait(min(left, _SLICE_S))
                if self._far and self._outside is not None:
                    self._outside.listen(min(left, _SHORT_S if self._running else _SLICE_S))
            except EOFError as error:
                run.watch.fail(error)
        run.memory.write(place, doorway.DONE.pack(done, len(self._done.get(done, b""))))
        return _OK

    def _take(self, run: Running, number: int, place: int) -> int:
        reply = self._done.pop(number, None)
        if reply is None:
            return _EINVAL
        run.memory.write(place, reply)
        return _OK

    def _forget(self, number: int) -> int:
        with self._changed:
            self._done.pop(number, None)
            call = self._running.pop(number, None)
        if number in self._far and self._outside is not None:
            self._far.discard(number)
            self._outside.forget(number)
        if call is not None:
            call.cancel()
        return _OK


NO_TOOLS = ToolCalls(Tools(), 0)
"""Those of a run without any."""


class _Call:
    """One call of a function."""

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop | None) -> None:
        self._work, self._loop = work, loop
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] | None = None
        self._cancelled = False

    def reply(self) -> bytes:
        """Call it, and pack what it gives. Runs on a thread of its own; never raises."""
        try:
            value = self._work()
            if inspect.isawaitable(value):
                value = self._awaited(value)
            return _packed(value)
        except BaseException as error:  # the tool's, whatever it is
            return _failed(error)

    def cancel(self) -> None:
        """Stop it, where it can be stopped: while it awaits."""
        with self._lock:
            self._cancelled = True
            if self._cancel is not None:
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    self._cancel()

    def _awaited(self, value: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            task = asyncio.ensure_future(value)
            loop = asyncio.get_running_loop()
            with self._lock:
                self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
                if self._cancelled:
                    task.cancel()
            try:
                return await task
            finally:
                with self._lock:
                    self._cancel = None

        if self._loop is None:
            return asyncio.run(wait())
        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()


def _tensor(described: dict[str, Any], memory: GuestMemory) -> Tensor:
    """A tensor of the guest's, copied out. Raises what a wrong description leads to."""
    shape = tuple(int(n) for n in described["shape"])
    data = memory.view(int(described["address"]), int(described["nbytes"]))
    if len(data) > doorway.MOST_BYTES:
        raise ValueError("too many bytes")
    tensor = Tensor(str(described["dtype"]), shape, data, str(described["media_type"])[:255])
    tensor.check("tool")
    return Tensor(tensor.dtype, shape, memoryview(bytearray(data)), tensor.media_type)


def _packed(value: Any) -> bytes:
    wire = to_wire({"value": value})
    tensors = {name: part for name, part in wire.items() if isinstance(part, Tensor)}
    result = wire["value"]
    if isinstance(result, Tensor):
        kind = "bytes" if result.dtype == "bytes" else "ndarray"
        result = {"$type": kind, "tensor": "value"}
    return packed({"value": result}, tensors)


def _failed(error: BaseException) -> bytes:
    try:
        told = error.args[0] if isinstance(error, KeyError) and len(error.args) == 1 else error
        message = str(told)[:_MOST_MESSAGE]
        notes = [str(n)[:_MOST_MESSAGE] for n in getattr(error, "__notes__", [])[:_MOST_NOTES]]
    except Exception:
        message, notes = "", []
    if isinstance(error, InputError):
        error, message = TypeError(), f"what the tool returned {error.reason}"
    failure = {"type": type(error).__name__, "message": message, "notes": notes}
    text = json.dumps({"error": failure}).encode()
    return doorway.PREFIX.pack(len(text)) + text
