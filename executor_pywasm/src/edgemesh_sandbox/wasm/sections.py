"""A module's sections, read without copying and written back.

Rules: bodies are views of the caller's bytes; a section that reaches past the end is refused.
Core specification, section 5.5.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.leb128 import decode_unsigned, encode_unsigned

__all__ = ["HEADER", "Section", "SectionId", "WasmFormatError", "name", "section", "sections"]

HEADER = b"\0asm\x01\0\0\0"  # magic, version 1


class SectionId(IntEnum):
    """The identifiers of the sections, in no particular order of appearance."""

    CUSTOM = 0
    TYPE = 1
    IMPORT = 2
    FUNCTION = 3
    TABLE = 4
    MEMORY = 5
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12
    TAG = 13


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its identifier and its body, which starts at byte `offset` of the module."""

    id: SectionId
    body: memoryview
    offset: int


def sections(module: bytes | memoryview) -> Iterator[Section]:
    """The sections of `module` in order; raises `WasmFormatError` where it is malformed."""
    view = memoryview(module)
    if bytes(view[: len(HEADER)]) != HEADER:
        raise WasmFormatError("not a WebAssembly module of version 1", 0)
    offset = len(HEADER)
    while offset < len(view):
        kind = view[offset]
        if kind not in SectionId.__members__.values():
            raise WasmFormatError(f"unknown section {kind}", offset)
        size, body = decode_unsigned(view, offset + 1)
        if body + size > len(view):
            raise WasmFormatError(f"section {kind} reaches past the end", offset)
        yield Section(SectionId(kind), view[body : body + size], body)
        offset = body + size


def section(kind: SectionId, body: bytes | bytearray | memoryview) -> bytes:
    """One section in its binary form."""
    return b"".join((bytes([kind]), encode_unsigned(len(body)), body))


def name(text: str) -> bytes:
    """A name: its length and its UTF-8."""
    data = text.encode()
    return encode_unsigned(len(data)) + data
