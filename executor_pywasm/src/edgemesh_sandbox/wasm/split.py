"""Splits a module into its code and its memory.

Rules: the *code* module is the original but imports its memory as `env.memory`; the *memory*
module holds only that memory, with the original's data. Code is compiled once, then every
memory image is a small module of its own over the same compiled code. Only what makes that
sound is accepted: one memory of its own, active segments alone, no start function, and no state
beside the memory but one mutable global, the stack pointer, which is back at its value when a
call has returned. With more of them (`state`), all are exported, for an image to keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.globals import mutable_globals
from edgemesh_sandbox.wasm.leb128 import decode_unsigned, encode_unsigned
from edgemesh_sandbox.wasm.memory import EXPORT, active_segments, memory_module, parted_segments
from edgemesh_sandbox.wasm.sections import HEADER, Section, SectionId, name, section, sections

IMPORT_MODULE = "env"

GLOBAL = "global"
"""The exports of mutable globals are this and their number."""

_KIND_FUNCTION, _KIND_MEMORY, _KIND_GLOBAL = b"\x00", b"\x02", b"\x03"
_REFUSED = {
    SectionId.START: "a start function would run before the memory is there",
    SectionId.DATA_COUNT: "passive segments would be lost",
}
_PASSIVE = {SectionId.DATA, SectionId.DATA_COUNT}
_LEFT_OUT = {SectionId.CUSTOM, SectionId.MEMORY, SectionId.DATA, SectionId.DATA_COUNT}


@dataclass(frozen=True, slots=True)
class SplitModule:
    """`code` imports `env.memory`; `memory` exports it as `memory`, filled as at the start."""

    code: bytes
    memory: bytes


def split(
    module: bytes, *, functions: Mapping[str, int] | None = None, state: bool = False
) -> SplitModule:
    """Split `module`; raises `WasmFormatError` where that would change what it does.

    `functions`: exported too, by these names, by their indices. `state`: so are all globals that
    can change; and passive segments, which the code itself copies to the memory when it starts,
    stay with the code.
    """
    parts = list(sections(module))
    more = [(text, _KIND_FUNCTION, index) for text, index in (functions or {}).items()]
    for part in parts:
        if part.id in _REFUSED and not (state and part.id is SectionId.DATA_COUNT):
            raise WasmFormatError(_REFUSED[part.id], part.offset)
        if part.id is SectionId.GLOBAL:
            mutable = mutable_globals(part.body)
            if state:
                more += [(f"{GLOBAL}{index}", _KIND_GLOBAL, index) for index in mutable]
            elif len(mutable) > 1:
                raise WasmFormatError("more than one mutable global would be lost", part.offset)
    kind = _own_memory(parts)
    data: bytes | memoryview = b"\0"
    data = next((p.body for p in parts if p.id is SectionId.DATA), memoryview(data))
    passive: bytes | None = None
    if state and any(part.id is SectionId.DATA_COUNT for part in parts):
        data, passive = parted_segments(memoryview(data))
    for _ in active_segments(memoryview(data)):
        pass  # reading them checks them
    code = [HEADER]
    for part in parts:
        if part.id is SectionId.IMPORT:
            code.append(section(SectionId.IMPORT, _with_memory(part.body, kind)))
        elif part.id is SectionId.EXPORT and more:
            code.append(section(SectionId.EXPORT, _with_exports(part.body, more)))
        elif passive is not None and part.id in _PASSIVE:
            body = part.body if part.id is SectionId.DATA_COUNT else passive
            code.append(section(part.id, body))
        elif part.id not in _LEFT_OUT:
            code.append(section(part.id, part.body))
    return SplitModule(b"".join(code), memory_module(kind, data))


def _own_memory(parts: list[Section]) -> memoryview:
    """The type of the one memory that the module defines."""
    for part in parts:
        if part.id is SectionId.MEMORY:
            count, at = decode_unsigned(part.body, 0)
            if count != 1:
                raise WasmFormatError(f"expected one memory, found {count}", part.offset)
            if not any(p.id is SectionId.IMPORT for p in parts):
                raise WasmFormatError("expected a module with imports", part.offset)
            return part.body[at:]
    raise WasmFormatError("expected a module with a memory of its own", 0)


def _with_memory(imports: memoryview, kind: memoryview) -> bytes:
    """The import section with the memory added behind the functions, whose indices stay."""
    count, at = decode_unsigned(imports, 0)
    memory = name(IMPORT_MODULE) + name(EXPORT) + _KIND_MEMORY + bytes(kind)
    return encode_unsigned(count + 1) + bytes(imports[at:]) + memory


def _with_exports(exports: memoryview, more: list[tuple[str, bytes, int]]) -> bytes:
    count, at = decode_unsigned(exports, 0)
    added = b"".join(name(text) + kind + encode_unsigned(index) for text, kind, index in more)
    return encode_unsigned(count + len(more)) + bytes(exports[at:]) + added
