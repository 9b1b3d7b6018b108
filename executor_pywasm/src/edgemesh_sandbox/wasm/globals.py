"""The globals that a module defines: state that is not in its memory.

Core specification, sections 5.5.9 (globals) and 5.4.9 (constant expressions).
"""

from __future__ import annotations

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.leb128 import decode_unsigned

_MUTABLE = 1
_END = 0x0B
_VARIABLE = {0x41, 0x42, 0x23, 0xD2}  # i32.const, i64.const, global.get, ref.func: a LEB128 follows
_FIXED = {0x43: 4, 0x44: 8, 0xD0: 1}  # f32.const, f64.const, ref.null: so many bytes follow
_MOST_LEB128 = 10


def mutable_globals(body: memoryview) -> list[int]:
    """Which of a global section's globals can change; raises `WasmFormatError`."""
    count, at = decode_unsigned(body, 0)
    mutable: list[int] = []
    for number in range(count):
        if at + 2 > len(body):
            raise WasmFormatError("a global is cut off", at)
        if body[at + 1] == _MUTABLE:
            mutable.append(number)
        at = _behind_constant(body, at + 2)
    return mutable


def _behind_constant(body: memoryview, at: int) -> int:
    while at < len(body):
        instruction = body[at]
        at += 1
        if instruction == _END:
            return at
        if instruction in _FIXED:
            at += _FIXED[instruction]
        elif instruction in _VARIABLE:
            end = at + _MOST_LEB128
            while at < min(end, len(body)) and body[at] & 0x80:
                at += 1
            at += 1
        else:
            raise WasmFormatError(f"no constant instruction: {instruction:#x}", at - 1)
    raise WasmFormatError("a global's value is cut off", at)
