"""Filters of system calls, as the kernel's classic BPF.

Rules: the kernel runs a filter on `struct seccomp_data` (the call's number, the machine, six
arguments of 64 bits). A filter is a list of instructions of 8 bytes that can only jump forward. A
call is matched by its number, then its arguments are checked, and what matches nothing is
answered with an error. Only the lower half of an argument is looked at where the kernel itself
takes no more of it: descriptors, flags, process ids. See seccomp(2) and networking/filter.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # ld abs, and k, jeq k, ret k
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16

KILL = 0x8000_0000
ALLOW = 0x7FFF_0000
_ERROR = 0x0005_0000

Instruction = tuple[int, int, int, int]
"""Operation, how far to jump if true and if false, and a constant."""


def error(number: int) -> int:
    """The verdict: the call fails with this error number."""
    return _ERROR | number


@dataclass(frozen=True, slots=True)
class OneOf:
    """Holds if an argument, less the bits outside of the mask, is one of some values."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Null:
    """Holds if an argument is a null pointer."""

    argument: int


Check = OneOf | Null


def program(
    machine: int, verdicts: Mapping[int, int], checks: Mapping[int, Check], otherwise: int
) -> bytes:
    """A filter for one machine: calls with a verdict, and calls that are allowed if a check holds.

    A call of another machine's table ends the process: it would be matched by a wrong number.
    """
    code: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number, check in checks.items():
        body = _checked(check, otherwise)
        code += [(_EQUAL, 0, len(body), number), *body]
    for number, verdict in verdicts.items():
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, verdict)]
    code.append((_RETURN, 0, 0, otherwise))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _checked(check: Check, otherwise: int) -> Sequence[Instruction]:
    low = _ARGUMENTS_AT + 8 * check.argument
    if isinstance(check, Null):
        return [
            (_LOAD, 0, 0, low),
            (_EQUAL, 0, 3, 0),
            (_LOAD, 0, 0, low + 4),
            (_EQUAL, 0, 1, 0),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, otherwise),
        ]
    code: list[Instruction] = [(_LOAD, 0, 0, low)]
    if check.mask != 0xFFFF_FFFF:
        code.append((_AND, 0, 0, check.mask))
    for left, value in enumerate(check.values, 1 - len(check.values)):
        code.append((_EQUAL, 1 - left, 0, value))
    return [*code, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, ALLOW)]
