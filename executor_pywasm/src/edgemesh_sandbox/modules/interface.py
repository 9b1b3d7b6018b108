"""What a module imports and exports, read from its bytes.

Rules: read before Wasmtime sees the bytes, so that a module which asks for what is not offered
costs no compiling. Wasmtime's C interface is not asked for types: one that it has no name for
(v128, references of the later proposals) ends the process. Everything is checked
(`WasmFormatError`); names are a stranger's. Core specification, sections 5.3 and 5.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edgemesh_sandbox.wasm import Section, SectionId, WasmFormatError, sections
from edgemesh_sandbox.wasm.leb128 import decode_unsigned

T = TypeVar("T")

_VALUES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_PACKED = {0x78, 0x77}  # i8, i16: in structs and arrays
_REFERENCES = {0x63, 0x64}  # (ref null ht), (ref ht): a heap type follows
_FUNCTION, _STRUCT, _ARRAY, _REC, _SUB, _SUB_FINAL = 0x60, 0x5F, 0x5E, 0x4E, 0x50, 0x4F
_HAS_MOST, _WIDE, _PAGE_SIZE = 0x01, 0x04, 0x08
_MOST_LEB128 = 10
_MOST_ITEMS = 1_000_000
REFERENCE = "reference"
FUNCTION, TABLE, MEMORY, GLOBAL, TAG = range(5)
KINDS = ("function", "table", "memory", "global", "tag")


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's type: `i32`, `i64`, `f32`, `f64`, `v128` or `reference` each."""

    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """What a module wants; `signature` if it is a function."""

    module: str
    name: str
    kind: int
    signature: Signature | None


@dataclass(frozen=True, slots=True)
class Interface:
    """Both sides of a module; of an export that is no function the signature is None."""

    imports: tuple[Import, ...]
    exports: dict[str, Signature | None]


def interface_of(module: bytes | memoryview) -> Interface:
    """Read a module's interface; raises `WasmFormatError`."""
    types: list[Signature | None] = []
    imports: list[Import] = []
    functions: list[Signature | None] = []
    exports: dict[str, Signature | None] = {}
    for part in sections(module):
        reader = _Reader(part)
        if part.id is SectionId.TYPE:
            for _ in range(reader.count()):
                types += reader.types()
        elif part.id is SectionId.IMPORT:
            imports = [reader.import_(types) for _ in range(reader.count())]
            functions += [each.signature for each in imports if each.kind == FUNCTION]
        elif part.id is SectionId.FUNCTION:
            functions += [reader.of(types) for _ in range(reader.count())]
        elif part.id is SectionId.EXPORT:
            for _ in range(reader.count()):
                name, kind = reader.text(), reader.byte()
                index = reader.number()
                if kind == FUNCTION and index >= len(functions):
                    raise reader.wrong(f"there is no function {index}")
                exports[name] = functions[index] if kind == FUNCTION else None
    return Interface(tuple(imports), exports)


class _Reader:
    """Reads a section from front to back."""

    def __init__(self, part: Section) -> None:
        self._body, self._at, self._offset = part.body, 0, part.offset

    def wrong(self, message: str) -> WasmFormatError:
        return WasmFormatError(message, self._offset + self._at)

    def byte(self) -> int:
        if self._at >= len(self._body):
            raise self.wrong("a section is cut off")
        self._at += 1
        return self._body[self._at - 1]

    def number(self) -> int:
        value, self._at = decode_unsigned(self._body, self._at)
        return value

    def count(self) -> int:
        value = self.number()
        if value > min(_MOST_ITEMS, len(self._body)):
            raise self.wrong(f"{value} items cannot be in so short a section")
        return value

    def text(self) -> str:
        size = self.number()
        if self._at + size > len(self._body):
            raise self.wrong("a name is cut off")
        self._at += size
        try:
            return bytes(self._body[self._at - size : self._at]).decode()
        except UnicodeDecodeError:
            raise self.wrong("a name is no UTF-8") from None

    def of(self, types: list[T]) -> T:
        index = self.number()
        if index >= len(types):
            raise self.wrong(f"there is no type {index}")
        return types[index]

    def types(self) -> list[Signature | None]:
        """One type, or a group of them; None for each that is no function's."""
        form = self.byte()
        if form == _REC:
            return [each for _ in range(self.count()) for each in self._one(self.byte())]
        return self._one(form)

    def _one(self, form: int) -> list[Signature | None]:
        if form in (_SUB, _SUB_FINAL):
            self._many(self.number)
            form = self.byte()
        if form == _FUNCTION:
            return [Signature(tuple(self._many(self.value)), tuple(self._many(self.value)))]
        if form == _STRUCT:
            self._many(self._field)
        elif form == _ARRAY:
            self._field()
        else:
            raise self.wrong(f"no type starts with {form:#x}")
        return [None]

    def _many(self, item: Callable[[], T]) -> list[T]:
        return [item() for _ in range(self.count())]

    def _field(self) -> None:
        if self._at < len(self._body) and self._body[self._at] in _PACKED:
            self._at += 1
        else:
            self.value()
        self.byte()  # whether it is mutable

    def value(self) -> str:
        kind = self.byte()
        if kind in _REFERENCES:
            self._skip()
            return REFERENCE
        return _VALUES.get(kind, REFERENCE)

    def _skip(self) -> None:
        """Past one LEB128 of any size."""
        for _ in range(_MOST_LEB128):
            if not self.byte() & 0x80:
                return
        raise self.wrong("a LEB128 number is too long")

    def import_(self, types: list[Signature | None]) -> Import:
        module, name, kind = self.text(), self.text(), self.byte()
        signature: Signature | None = None
        if kind == FUNCTION:
            signature = self.of(types)
        elif kind == TABLE:
            self.value()
            self._limits()
        elif kind == MEMORY:
            self._limits()
        elif kind == GLOBAL:
            self.value()
            self.byte()
        elif kind == TAG:
            self.byte()
            self.number()
        else:
            raise self.wrong(f"no import is of kind {kind}")
        return Import(module, name, kind, signature)

    def _limits(self) -> None:
        flags = self.byte()
        self._skip()
        if flags & _HAS_MOST:
            self._skip()
        if flags & _PAGE_SIZE:
            self._skip()
