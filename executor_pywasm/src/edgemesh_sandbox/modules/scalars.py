"""Arguments and results of a module's functions, by WebAssembly's types.

    i32, i64    int: signed or unsigned, whatever fits in so many bits; results are signed
    f32, f64    int or float; an f32 is rounded, and refused where it would become infinite
    v128        16 bytes, little-endian

Rules: an argument is converted by the parameter's type or refused with its place; nothing is
guessed. References cannot cross: they mean nothing outside of their store.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from wasmtime import _bindings as bindings  # the unchecked call is not in the public API

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.modules.interface import Signature

KINDS = ("i32", "i64", "f32", "f64", "v128")
_BITS = {"i32": 32, "i64": 64}
_V128_BYTES = 16


def new_slots(signature: Signature) -> Any:
    """Room for the arguments of a raw call, and afterwards for its results."""
    count = max(len(signature.params), len(signature.results), 1)
    return (bindings.wasmtime_val_raw_t * count)()


def put(slots: Any, kinds: Sequence[str], values: Sequence[Any], field: str) -> None:
    """Write `values` to the slots of a raw call. Raises `InputError`."""
    if len(values) != len(kinds):
        wanted = f" ({', '.join(kinds)})" if kinds else ""
        raise InputError(field, f"{len(kinds)} values{wanted}, not {len(values)}")
    for at, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        place = f"{field}[{at}]"
        if kind in _BITS:
            setattr(slots[at], kind, _integer(kind, value, place))
        elif kind == "v128":
            slots[at].v128[:] = list(_vector(value, place))
        else:
            setattr(slots[at], kind, _float(kind, value, place))


def take(slots: Any, kinds: Sequence[str]) -> Any:
    """The results: None, a value, or a list of several."""
    values = [_result(slots[at], kind) for at, kind in enumerate(kinds)]
    return values[0] if len(values) == 1 else values or None


def _result(slot: Any, kind: str) -> Any:
    return bytes(slot.v128) if kind == "v128" else getattr(slot, kind)


def _integer(kind: str, value: Any, place: str) -> int:
    bits = _BITS[kind]
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(place, f"an integer ({kind}), not {_shown(value)}")
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise InputError(place, f"{kind}: -2^{bits - 1} to 2^{bits} - 1, not {_shown(value)}")
    return value - (1 << bits) if value >> bits - 1 > 0 else value


def _float(kind: str, value: Any, place: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(place, f"a number ({kind}), not {_shown(value)}")
    try:
        number = float(value)
        if kind == "f32" and math.isfinite(number):
            struct.pack("<f", number)
    except OverflowError:
        raise InputError(place, f"a number that {kind} can hold, not {_shown(value)}") from None
    return number


def _vector(value: Any, place: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != _V128_BYTES:
        raise InputError(place, f"{_V128_BYTES} bytes (v128), not {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
