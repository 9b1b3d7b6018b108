"""Python values to their wire form.

Rules: what JSON carries stays as it is; all else is an object whose `$type` says what it is. Arrays
and long bytes become tensors, named for where they lie. Cycles, great depth and what has no form
raise `ValueUnfit`, which names the place. A subclass crosses as what it is made of.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import math
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import singledispatch
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from edgemesh.compute.v1 import tensor_pb2

from edgemesh_client.errors import ValueUnfit
from edgemesh_client.values.tensor import to_tensor

TYPE = "$type"
_MOST_DEPTH = 100
_MOST_TENSORS = 1024
_MOST_NAME = 200
_INLINE_BYTES = 1024
_PLAIN_BITS = 13_900
"""Integers of fewer are written in decimal: they have fewer than 4,200 digits."""


class Encoder:
    """Encodes parts of one request; `tensors` are what came of them, by name."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken`: names that other inputs have."""
        self.tensors: dict[str, tensor_pb2.Tensor] = {}
        self._taken = set(taken)
        self._place: list[object] = []
        self._above: set[int] = set()

    def encode(self, value: object, place: str) -> Any:
        """The wire form of a value, which the caller knows as `place`. Raises ValueUnfit."""
        self._place, self._above = [place], set()
        return self.item(value)

    def item(self, value: object) -> Any:
        """The wire form of a part."""
        if "pandas" in sys.modules:
            from edgemesh_client.values import tables

            found = tables.encode(self, value)
            if found is not None:
                return found
        return _encode(value, self)

    def items(self, values: Iterable[object]) -> list[Any]:
        """The wire forms of parts that lie one behind the other."""
        return [self.part(number, value) for number, value in enumerate(values)]

    def part(
        self, name: object, value: Any, encode: Callable[[Encoder, Any], Any] | None = None
    ) -> Any:
        """The wire form of a part of this name."""
        self._place.append(name)
        made = self.item(value) if encode is None else encode(self, value)
        self._place.pop()
        return made

    @contextmanager
    def inside(self, value: object) -> Any:
        """While the parts of a container are encoded."""
        if id(value) in self._above:
            raise self.unfit("contains itself")
        if len(self._above) >= _MOST_DEPTH:
            raise self.unfit(f"is nested more than {_MOST_DEPTH} deep")
        self._above.add(id(value))
        yield
        self._above.discard(id(value))

    def tensor(self, value: Any) -> str:
        """Put a tensor beside the JSON; its name."""
        if len(self.tensors) >= _MOST_TENSORS:
            raise self.unfit(f"is one array too many: at most {_MOST_TENSORS} can be sent")
        name = ".".join(map(str, self._place))
        if not name.isprintable() or len(name) > _MOST_NAME:
            name = "tensor"
        if name in self._taken:
            name = f"{name}~{len(self._taken)}"
        self._taken.add(name)
        self.tensors[name] = to_tensor(value, self._shown())
        return name

    def unfit(self, reason: str) -> ValueUnfit:
        """The error that names the place where this encoder is."""
        return ValueUnfit(self._shown(), reason)

    def _shown(self) -> str:
        first, *rest = self._place
        return f"{first}{''.join(f'[{part!r:.100}]' for part in rest)}"


@singledispatch
def _encode(value: object, to: Encoder) -> Any:
    kind = type(value)
    hint = ""
    if dataclasses.is_dataclass(kind):
        hint = "; use dataclasses.asdict()"
    elif isinstance(value, enum.Enum):
        hint = "; use .value or .name"
    elif hasattr(value, "__array__"):
        return array(to, np.asarray(value))
    raise to.unfit(
        f"is of type {kind.__module__}.{kind.__qualname__}, which has no wire form{hint}"
    )


def _tagged(tag: str, **fields: Any) -> dict[str, Any]:
    return {TYPE: tag, **fields}


@_encode.register
def _(value: None, to: Encoder) -> Any:
    return None


@_encode.register
def _(value: bool, to: Encoder) -> Any:
    return value


@_encode.register
def _(value: str, to: Encoder) -> Any:
    return str.__str__(value)


@_encode.register
def _(value: int, to: Encoder) -> Any:
    if value.bit_length() <= _PLAIN_BITS:
        return int(value)
    return _tagged("int", value=hex(value))


@_encode.register
def _(value: float, to: Encoder) -> Any:
    value = float(value)
    return value if math.isfinite(value) else _tagged("float", value=repr(value))


@_encode.register
def _(value: complex, to: Encoder) -> Any:
    return _tagged("complex", value=[to.item(value.real), to.item(value.imag)])


@_encode.register(bytes)
@_encode.register(bytearray)
@_encode.register(memoryview)
def _(value: Any, to: Encoder) -> Any:
    tag = "bytearray" if isinstance(value, bytearray) else "bytes"
    data = bytes(value)
    if len(data) > _INLINE_BYTES:
        return _tagged(tag, tensor=to.tensor(data))
    return _tagged(tag, value=base64.b64encode(data).decode())


@_encode.register
def _(value: list, to: Encoder) -> Any:  # type: ignore[type-arg]
    with to.inside(value):
        return to.items(value)


@_encode.register
def _(value: tuple, to: Encoder) -> Any:  # type: ignore[type-arg]
    with to.inside(value):
        return _tagged("tuple", items=to.items(value))


@_encode.register
def _(value: set, to: Encoder) -> Any:  # type: ignore[type-arg]
    return _tagged("set", items=to.items(value))


@_encode.register
def _(value: frozenset, to: Encoder) -> Any:  # type: ignore[type-arg]
    return _tagged("frozenset", items=to.items(value))


@_encode.register
def _(value: dict, to: Encoder) -> Any:  # type: ignore[type-arg]
    with to.inside(value):
        if TYPE not in value and all(type(key) is str for key in value):
            return {key: to.part(key, item) for key, item in value.items()}
        pairs = [[to.item(key), to.part(key, item)] for key, item in value.items()]
        return _tagged("dict", items=pairs)


@_encode.register
def _(value: dt.datetime, to: Encoder) -> Any:
    return _moment("datetime", value, dt.datetime.isoformat(value), to)


@_encode.register
def _(value: dt.time, to: Encoder) -> Any:
    return _moment("time", value, dt.time.isoformat(value), to)


def _moment(tag: str, value: dt.datetime | dt.time, text: str, to: Encoder) -> Any:
    made, zone = _tagged(tag, value=text), value.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        made["zone"] = zone.key
    elif isinstance(zone, dt.timezone) and zone.tzname(None) != _usual_name(zone):
        made["zone"] = to.item(zone)
    return made | ({"fold": 1} if value.fold else {})


def _usual_name(zone: dt.timezone) -> str:
    return dt.timezone(zone.utcoffset(None)).tzname(None)


@_encode.register
def _(value: dt.date, to: Encoder) -> Any:
    return _tagged("date", value=dt.date.isoformat(value))


def _span(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


@_encode.register
def _(value: dt.timedelta, to: Encoder) -> Any:
    return _tagged("timedelta", value=_span(value))


@_encode.register
def _(value: dt.timezone, to: Encoder) -> Any:
    made = _tagged("timezone", offset=_span(value.utcoffset(None)))
    named = value.tzname(None) != _usual_name(value)
    return made | ({"name": value.tzname(None)} if named else {})


@_encode.register
def _(value: ZoneInfo, to: Encoder) -> Any:
    if not value.key:
        raise to.unfit("is a time zone without a name")
    return _tagged("timezone", key=value.key)


@_encode.register
def _(value: Decimal, to: Encoder) -> Any:
    return _tagged("decimal", value=Decimal.__str__(value))


@_encode.register
def _(value: Fraction, to: Encoder) -> Any:
    return _tagged("fraction", value=[to.item(value.numerator), to.item(value.denominator)])


@_encode.register
def _(value: UUID, to: Encoder) -> Any:
    return _tagged("uuid", value=str(value))


@_encode.register
def _(value: range, to: Encoder) -> Any:
    return _tagged("range", value=[to.item(n) for n in (value.start, value.stop, value.step)])


@_encode.register
def _(value: np.generic, to: Encoder) -> Any:
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return _tagged("datetime64", value=int(value.view("int64")), dtype=value.dtype.name)
    if isinstance(value, np.void):
        raise to.unfit("is a record of NumPy; use .item() or an array")
    if value.dtype.char == "g":
        return to.item(float(value))
    if value.dtype.char == "G":
        return to.item(complex(value))
    return to.item(value.item())


@_encode.register(np.ndarray)
def _(value: Any, to: Encoder) -> Any:
    return array(to, value)


def array(to: Encoder, value: Any) -> Any:
    """The wire form of an array."""
    if isinstance(value, np.ma.MaskedArray):
        return _masked(to, value)
    value = np.asarray(value)
    kind = value.dtype.kind
    if kind in "biufc" and value.dtype.itemsize <= 16 and value.dtype.name != "longdouble":
        return _tagged("ndarray", tensor=to.tensor(value))
    if kind in "mM":
        plain = _portable(value)
        return _tagged("ndarray", dtype=plain.dtype.name, tensor=to.tensor(plain.view("int64")))
    if kind in "SUV" and value.dtype.itemsize and not value.dtype.hasobject:
        value = _portable(value)
        described = np.lib.format.dtype_to_descr(value.dtype)
        name = to.tensor(value.tobytes())
        return _tagged("ndarray", dtype=described, shape=list(value.shape), tensor=name)
    if kind in "OT" or not value.dtype.itemsize:
        dtype = {"O": "object", "T": "string"}.get(kind, value.dtype.str)
        with to.inside(value):
            items = to.items(value.reshape(-1).tolist())
        return _tagged("ndarray", dtype=dtype, shape=list(value.shape), items=items)
    raise to.unfit(f"is an array of dtype {value.dtype}; convert it with .astype()")


def _portable(value: Any) -> Any:
    return value.astype(value.dtype.newbyteorder("<"), order="C", copy=False)


def _masked(to: Encoder, value: Any) -> Any:
    if value.dtype.names:
        raise to.unfit("is a masked array of records; use .filled()")
    mask = np.broadcast_to(np.ma.getmaskarray(value), value.shape)
    return _tagged(
        "masked",
        data=to.part("data", value.data, array),
        mask=to.part("mask", mask, array),
        fill_value=to.item(value.fill_value),
    )
