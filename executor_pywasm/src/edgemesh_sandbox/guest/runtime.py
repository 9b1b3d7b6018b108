"""One call in the guest: a frame of bytes in, a program run, an answer left in memory.

Rules: a guest serves one program, and the next one starts from the image again; or, where the frame
says that it goes on, one after another in the same `__main__`. What a program may have replaced
(builtins, `json`, `sys.stdout`) is held here from before. Memory is kept in reserve, so that a
program that ran out of it can still be reported.
"""

from __future__ import annotations

import asyncio
import atexit
import builtins
import json
import linecache
import sys
from types import CodeType, CoroutineType, ModuleType, TracebackType
from typing import Any, cast

from . import arrays, console, failures, files, given, inspection, results, tools
from .encoding import dumps
from .program import FILE, assigns, compiled

_RESERVE_BYTES = 4 << 20

_loads, _exit_functions = json.loads, atexit._run_exitfuncs  # type: ignore[attr-defined]
_displayhook = sys.displayhook


class Runtime:
    """Runs programs and leaves their answers in the block."""

    def __init__(self, block: console.Block, given: tools.Tools) -> None:
        self._block, self._tools = block, given
        self._kept: list[object] = []
        self._main: ModuleType | None = None
        self.rearm()

    def rearm(self) -> None:
        """Be as new: what the image is made with, and so every program starts with."""
        self._reserve: bytearray | None = bytearray(_RESERVE_BYTES)
        self._kept.clear()
        self._streams = console.open_streams(self._block)
        self._stdin = console.open_stdin("")

    def forget(self) -> None:
        """Have no program that could go on."""
        self._main = None
        results.forget()

    def call(self, frame: bytes | None) -> int:
        """Run one frame; 0 when there is an answer."""
        self._block.answer(0, 0)
        try:
            if frame is None:
                raise MemoryError("no memory for the request")
            answer, owners = self._run(frame)
            data = dumps(answer).encode()
        except MemoryError as error:  # so short that not even the program's own could be told
            self._reserve, owners = None, []
            data = dumps({"outcome": "exception", **failures.describe(error, None)}).encode()
        self._kept += (owners, data)
        self._block.answer(arrays.address_of(data), len(data))
        return 0

    def _run(self, frame: bytes) -> tuple[dict[str, Any], list[object]]:
        request = _loads(frame)
        code: str = request["code"]
        file: str = request.get("file", FILE)
        going_on = "file" in request
        main = self._module(going_on)
        sys.modules["__main__"] = main
        sys.argv = [file]
        text: str = request["stdin"]
        sys.stdin = sys.__stdin__ = console.open_stdin(text) if text else self._stdin
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = self._streams
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        main.__dict__["__builtins__"] = builtins
        tools.offer(self._tools, request.get("tools", []))
        try:
            tagged = b'"$type"' in frame
            inputs, call = given.values(request, tagged=tagged, own=going_on)
            main.__dict__["inputs"] = inputs
            try:
                program, final = compiled(code, file)
                value = execute(program, final, main.__dict__)
                if call is not None:
                    value = invoke(main.__dict__, *call)
                elif sys.displayhook is not _displayhook:  # what it gives is shown instead
                    value = cast(Any, sys.displayhook)(value)
            finally:
                if not going_on:
                    _exit_functions()
                files.flush()
            if request.get("inspect"):
                value = inspection.names(main.__dict__)
            if call is not None:
                outputs = results.Outputs(value, request.get("refs"), going_on=going_on)
            else:
                given_back = not going_on or assigns(program, "output")
                outputs = self._outputs(main, value, given_back, going_on)
        except SystemExit as error:
            status = _status(error)
            if status:
                return {"outcome": "exit", "exit_code": status}, []
            return self._after_exit(main, going_on)
        except BaseException as error:
            return self._failure(error), []
        return outputs.answer(), outputs.owners

    def _module(self, going_on: bool) -> ModuleType:
        """The program's `__main__`: the one before, where it goes on."""
        if not going_on:
            return ModuleType("__main__")
        self._kept.clear()  # the host has read it
        if self._main is None:
            self._main = ModuleType("__main__")
        return self._main

    def _outputs(
        self, main: ModuleType, value: object, given_back: bool = True, going_on: bool = False
    ) -> results.Outputs:
        """What the program gives: `output`, or the last expression's value."""
        if given_back and "output" in main.__dict__:
            return results.Outputs(main.__dict__["output"], going_on=going_on)
        try:
            return results.Outputs(value, going_on=going_on)
        except results.OutputError:  # nobody asked for this one
            return results.Outputs(None, going_on=going_on)

    def _after_exit(self, main: ModuleType, going_on: bool) -> tuple[dict[str, Any], list[object]]:
        """`sys.exit(0)` is a good end: `output` counts."""
        try:
            outputs = self._outputs(main, None, not going_on, going_on)
        except BaseException as error:
            return self._failure(error), []
        return outputs.answer(), outputs.owners

    def _failure(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, MemoryError) or self._main is None:
            self._reserve = None
        return {"outcome": "exception", **failures.describe(error, _user_frames(error))}


def execute(program: CodeType | None, final: CodeType | None, names: dict[str, Any]) -> object:
    """Run the program; its last expression's value. The frame above the user's outermost."""
    if program is not None:
        exec(program, names)  # noqa: S102 - what this package is for
    return None if final is None else eval(final, names)  # noqa: S307 - likewise


def invoke(names: dict[str, Any], name: str, args: list[Any], kwargs: dict[str, Any]) -> object:
    """Call one of the program's functions, and wait for it if it is to be awaited."""
    function = names.get(name)
    if not callable(function):
        raise NameError(f"the program defines no function {name!r}")
    value: Any = function(*args, **kwargs)
    if type(value) is CoroutineType:
        value = asyncio.run(cast(Any, value))
    return value


_ENTRIES = (execute.__code__, invoke.__code__)


def _user_frames(error: BaseException) -> TracebackType | None:
    """The traceback below ours; none where the program never ran (a syntax error)."""
    frames = error.__traceback__
    while frames is not None:
        below = frames.tb_next
        if frames.tb_frame.f_code in _ENTRIES:
            return below
        frames = below
    return None


def _status(error: SystemExit) -> int:
    """The exit status, as the interpreter has it: text is printed and counts as 1."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
