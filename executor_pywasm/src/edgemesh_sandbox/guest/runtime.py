"""One call in the guest: a frame of bytes in, a program run, an answer left in memory.

Rules: a guest serves one program; the next one starts from the image again. What the program may
have replaced (builtins, `json`, `sys.stdout`) is held here from before. Memory is kept in
reserve, so that a program that ran out of it can still be reported.
"""

from __future__ import annotations

import atexit
import json
import linecache
import sys
from types import CodeType, ModuleType, TracebackType
from typing import Any

from . import arrays, console, failures, results

FILE = "main.py"
"""The name of the user's program in tracebacks."""

_RESERVE_BYTES = 4 << 20

_loads, _dumps, _exit_functions = json.loads, json.dumps, atexit._run_exitfuncs  # type: ignore[attr-defined]


class Runtime:
    """Runs programs and leaves their answers in the block."""

    def __init__(self, block: console.Block) -> None:
        self._block = block
        self._reserve: bytearray | None = bytearray(_RESERVE_BYTES)
        self._kept: list[object] = []

    def rearm(self) -> None:
        """Be as new: what the image is made with."""
        self._reserve = bytearray(_RESERVE_BYTES)
        self._kept.clear()

    def call(self, frame: bytes | None) -> int:
        """Run one frame; 0 when there is an answer."""
        self._block.answer(0, 0)
        try:
            if frame is None:
                raise MemoryError("no memory for the request")
            answer, owners = self._run(frame)
            data = _dumps(answer).encode()
        except MemoryError as error:  # so short that not even the program's own could be told
            self._reserve, owners = None, []
            data = _dumps({"outcome": "exception", **failures.describe(error, None)}).encode()
        self._kept += (owners, data)
        self._block.answer(arrays.address_of(data), len(data))
        return 0

    def _run(self, frame: bytes) -> tuple[dict[str, Any], list[object]]:
        request = _loads(frame)
        code: str = request["code"]
        main = ModuleType("__main__")
        main.__dict__.update(__builtins__=__builtins__, inputs=_inputs(request))
        sys.modules["__main__"] = main
        sys.argv = [FILE]
        sys.stdin = sys.__stdin__ = console.open_stdin(request["stdin"])
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = console.open_streams(self._block)
        linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
        try:
            try:
                execute(compile(code, FILE, "exec", dont_inherit=True), main)
            finally:
                _exit_functions()
            outputs = results.Outputs(main.__dict__.get("output"))
        except SystemExit as error:
            status = _status(error)
            if status:
                return {"outcome": "exit", "exit_code": status}, []
            outputs = self._after_exit(main)
            if isinstance(outputs, dict):
                return outputs, []
        except BaseException as error:
            return self._failure(error), []
        answer: dict[str, Any] = {"outcome": "ok", "tensors": outputs.tensors}
        if outputs.result is not None:
            answer["result"] = outputs.result
        return answer, outputs.owners

    def _after_exit(self, main: ModuleType) -> results.Outputs | dict[str, Any]:
        """`sys.exit(0)` is a good end: `output` counts."""
        try:
            return results.Outputs(main.__dict__.get("output"))
        except BaseException as error:
            return self._failure(error)

    def _failure(self, error: BaseException) -> dict[str, Any]:
        self._reserve = None
        return {"outcome": "exception", **failures.describe(error, _user_frames(error))}


def _inputs(request: dict[str, Any]) -> dict[str, Any]:
    """The JSON values, and arrays over the memory that the host has filled."""
    inputs: dict[str, Any] = request["inputs"]
    for tensor in request["tensors"]:
        address, dtype = tensor["address"], tensor["dtype"]
        if dtype == "bytes":
            value: object = arrays.view(address, (tensor["nbytes"],), "uint8").tobytes()
        else:
            value = arrays.view(address, tuple(tensor["shape"]), dtype)
        inputs[tensor["name"]] = value
    return inputs


def execute(program: CodeType, main: ModuleType) -> None:
    """Run the program; the frame that marks where the user's begin."""
    exec(program, main.__dict__)  # noqa: S102 - what this package is for


def _user_frames(error: BaseException) -> TracebackType | None:
    """The traceback below `execute`; none where the program never ran (a syntax error)."""
    frames = error.__traceback__
    while frames is not None:
        below = frames.tb_next
        if frames.tb_frame.f_code is execute.__code__:
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
