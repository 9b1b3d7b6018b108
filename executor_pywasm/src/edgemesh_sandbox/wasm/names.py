"""The names that a module's functions have for whoever debugs it.

Rules: from the custom section `name`, which need not be there, nor be true; it only finds functions
in modules whose bytes are pinned. Core specification, appendix 7.4.
"""

from __future__ import annotations

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.leb128 import decode_unsigned
from edgemesh_sandbox.wasm.sections import SectionId, sections

_SECTION = b"name"
_FUNCTIONS = 1


def function_names(module: bytes | memoryview) -> dict[str, int]:
    """Indices by name; of several with one name the first. Raises `WasmFormatError`."""
    found: dict[str, int] = {}
    for part in sections(module):
        if part.id is not SectionId.CUSTOM:
            continue
        size, at = decode_unsigned(part.body, 0)
        if bytes(part.body[at : at + size]) != _SECTION:
            continue
        at += size
        while at < len(part.body):
            kind = part.body[at]
            size, at = decode_unsigned(part.body, at + 1)
            if at + size > len(part.body):
                raise WasmFormatError("names reach past the end", part.offset + at)
            if kind == _FUNCTIONS:
                _read(part.body[at : at + size], found)
            at += size
    return found


def _read(body: memoryview, found: dict[str, int]) -> None:
    count, at = decode_unsigned(body, 0)
    for _ in range(count):
        index, at = decode_unsigned(body, at)
        size, at = decode_unsigned(body, at)
        found.setdefault(bytes(body[at : at + size]).decode("utf-8", "replace"), index)
        at += size
