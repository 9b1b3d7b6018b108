"""Modules that hold nothing but one exported memory and what is in it.

Rules: whole 4 KiB pages, since that is the grain at which Wasmtime maps a module's memory
copy-on-write; pages of zeros are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.leb128 import (
    decode_signed,
    decode_unsigned,
    encode_signed,
    encode_unsigned,
)
from edgemesh_sandbox.wasm.sections import HEADER, SectionId, name, section, sections

PAGE = 4096
WASM_PAGE = 65536
EXPORT = "memory"

_ZEROS = memoryview(bytes(PAGE))
_ACTIVE = b"\x00"  # an active segment of memory 0
_PASSIVE, _EMPTY = b"\x01", b"\x00"
_I32_CONST, _END = b"\x41", b"\x0b"
_EXPORT_MEMORY_0 = b"\x02\x00"
_NO_MAXIMUM = b"\x00"


def page_runs(raw: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Spans `(start, end)` of `raw` that cover every non-zero byte, in whole pages."""
    view = memoryview(raw)
    start: int | None = None
    for at in range(0, len(view), PAGE):
        page = view[at : at + PAGE]
        if page != _ZEROS[: len(page)]:
            if start is None:
                start = at
        elif start is not None:
            yield start, at
            start = None
    if start is not None:
        yield start, len(view)


def memory_type(pages: int) -> bytes:
    """The type of a memory of at least `pages` pages of 64 KiB, without a maximum."""
    return _NO_MAXIMUM + encode_unsigned(pages)


def memory_module(kind: bytes | memoryview, data: bytes | bytearray | memoryview) -> bytes:
    """A module that defines and exports one memory of type `kind`, with a data section's body."""
    return b"".join(
        (
            HEADER,
            section(SectionId.MEMORY, encode_unsigned(1) + bytes(kind)),
            section(SectionId.EXPORT, encode_unsigned(1) + name(EXPORT) + _EXPORT_MEMORY_0),
            section(SectionId.DATA, data),
        )
    )


def constant_segment(address: int, data: bytes | memoryview) -> bytes:
    """An active segment."""
    signed = address if address < 1 << 31 else address - (1 << 32)  # i32.const is signed
    head = _ACTIVE + _I32_CONST + encode_signed(signed) + _END + encode_unsigned(len(data))
    return b"".join((head, data))


def data_pages(raw: bytes | memoryview) -> bytes:
    """The module of a memory that holds `raw` (whole pages of 64 KiB) when it is instantiated."""
    if len(raw) % WASM_PAGE:
        raise ValueError(f"{len(raw)} bytes are not whole pages of {WASM_PAGE}")
    view = memoryview(raw)
    runs = list(page_runs(view))
    parts: list[bytes | memoryview] = [encode_unsigned(len(runs))]
    for start, end in runs:
        address = start if start < 1 << 31 else start - (1 << 32)  # i32.const is signed
        parts += [
            _ACTIVE + _I32_CONST + encode_signed(address) + _END + encode_unsigned(end - start),
            view[start:end],
        ]
    return memory_module(memory_type(len(raw) // WASM_PAGE), b"".join(parts))


def active_segments(body: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The active segments `(address, bytes)` of a data section; any other kind is refused."""
    count, at = decode_unsigned(body, 0)
    for _ in range(count):
        if bytes(body[at : at + 2]) != _ACTIVE + _I32_CONST:
            raise WasmFormatError("only active segments with a constant address are handled", at)
        address, at = decode_signed(body, at + 2)
        if bytes(body[at : at + 1]) != _END:
            raise WasmFormatError("a segment's address is no constant", at)
        size, at = decode_unsigned(body, at + 1)
        if at + size > len(body):
            raise WasmFormatError("a segment reaches past the end", at)
        yield address & 0xFFFF_FFFF, body[at : at + size]
        at += size
    if at != len(body):
        raise WasmFormatError("bytes follow the last segment", at)


def parted_segments(body: memoryview) -> tuple[bytes, bytes]:
    """A data section's body in two: the active segments, and the passive ones.

    In the second each active one is an empty passive one, so that the others keep their numbers.
    """
    count, at = decode_unsigned(body, 0)
    active: list[bytes | memoryview] = []
    passive: list[bytes | memoryview] = []
    actives = 0
    for _ in range(count):
        begin = at
        if bytes(body[at : at + 1]) != _PASSIVE:
            if bytes(body[at : at + 2]) != _ACTIVE + _I32_CONST:
                raise WasmFormatError("only segments with a constant address are handled", at)
            _, at = decode_signed(body, at + 2)
        size, end = decode_unsigned(body, at + 1)
        if end + size > len(body):
            raise WasmFormatError("a segment reaches past the end", at)
        at = end + size
        if bytes(body[begin : begin + 1]) == _PASSIVE:
            passive.append(body[begin:at])
        else:
            active.append(body[begin:at])
            passive.append(_PASSIVE + _EMPTY)
            actives += 1
    if at != len(body):
        raise WasmFormatError("bytes follow the last segment", at)
    return (
        b"".join((encode_unsigned(actives), *active)),
        b"".join((encode_unsigned(count), *passive)),
    )


def contents(module: bytes) -> bytes:
    """What the memory of a module made here holds: the inverse of `data_pages`."""
    raw = bytearray()
    for part in sections(module):
        if part.id is SectionId.MEMORY:
            pages, _ = decode_unsigned(part.body, 2)
            raw = bytearray(pages * WASM_PAGE)
        elif part.id is SectionId.DATA:
            for address, data in active_segments(part.body):
                raw[address : address + len(data)] = data
    return bytes(raw)
