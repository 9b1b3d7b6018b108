"""Requests that nobody would write: messages of odd values, and their bytes mutated.

Rules: all follows from a seed, so that what failed fails again. Odd values are those at the edges
of what is checked: empty and long names, all that is no name, numbers at their limits.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

TEXTS = (
    "", "a", "fake.echo", "fake.echo@1", "fake.none", "python.run", "python.mine", "fake", "local",
    "physics", "one", "0" * 32, "a" * 128, "a" * 129, "a" * 300, ".", "..", "../../etc/passwd",
    "a b", "a\n", "\x00", "é", "\U0001f600", "%s%n", "*", "a*", "{}",
    '{"do": "echo"}', '{"events": 3}',
    '{"a": NaN}', "[1", "null", "2026-01-31", "2026-02-30",
    "def f(x: int) -> int:\n    return x\n",
    "SELECT 1; --", "-1", "1e999", "em_aaaaaaaaaaaa",
)  # fmt: skip
WHOLE = (0, 1, 2, 3, 7, 15, 127, 128, 255, 1 << 16, (1 << 31) - 1)
WIDE = (*WHOLE, 1 << 31, 1 << 40, (1 << 63) - 1)
REAL = (0.0, 1.0, -1.0, 0.5, 1e308, float("inf"), float("-inf"), float("nan"))
BLOBS = (b"", b"\x00", b"\xff" * 9, bytes(8), bytes(4096), b"{}")
DEEPEST = 5
_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_SIGNED = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_NARROW = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)


def message(kind: Descriptor, chance: random.Random, depth: int = 0) -> Message:
    """One of a kind."""
    made = GetMessageClass(kind)()
    for field in kind.fields:
        if chance.random() < (0.35 if depth else 0.25):
            continue
        _set(made, field, chance, depth)
    return made


def _set(made: Message, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    at: Any = getattr(made, field.name)
    kind = field.message_type
    if kind is not None:
        if depth >= DEEPEST:
            return
        if kind.GetOptions().map_entry:
            value = kind.fields_by_name["value"]
            for _ in range(chance.choice((1, 2))):
                key = _scalar(kind.fields_by_name["key"], chance)
                if value.message_type is None:
                    at[key] = _scalar(value, chance)
                else:
                    at[key].CopyFrom(message(value.message_type, chance, depth + 1))
        elif field.is_repeated:
            at.extend(message(kind, chance, depth + 1) for _ in range(chance.choice((0, 1, 2))))
        else:
            at.CopyFrom(message(kind, chance, depth + 1))
    elif field.is_repeated:
        at.extend(_scalar(field, chance) for _ in range(chance.choice((0, 1, 3, 40))))
    else:
        setattr(made, field.name, _scalar(field, chance))


def _scalar(field: FieldDescriptor, chance: random.Random) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in _FLOATS:
        value = chance.choice(REAL)
        return value if kind == FieldDescriptor.CPPTYPE_DOUBLE else min(max(value, -1e38), 1e38)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice((0, 1, 2, 3, 16, 99))
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.choice(BLOBS)
        return chance.choice(TEXTS)
    number = chance.choice(WHOLE if kind in _NARROW else WIDE)
    return -number if kind in _SIGNED and chance.random() < 0.2 else number


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """A message's bytes with something done to them."""
    data = bytearray(raw or b"\x0a\x01a")
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data)) if data else 0
        match chance.randrange(7):
            case 0:
                data[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = chance.randbytes(chance.choice((1, 3, 20)))
            case 3:  # a length, or a number, of ten bytes
                data[at:at] = b"\xff" * 9 + b"\x01"
            case 4:
                data += data[at:]
            case 5:  # text that is no UTF-8
                data += b"\x0a\x02\xc3\x28\x12\x02\xff\xfe"
            case _:  # a field of four bytes that nobody knows, and a group that never ends
                data += b"\xfd\x7f" + struct.pack("<I", chance.randrange(1 << 32)) + b"\x0b"
        if not data:
            break
    return bytes(data[:65_536])
