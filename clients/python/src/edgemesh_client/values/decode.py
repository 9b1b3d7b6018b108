"""The wire form back to Python values.

Rules: it comes from a program that nobody trusts, so a tag costs no more than its length, and makes
a value or raises `Undecodable`. Nothing is imported or called by name that this module does not
name itself.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import tensor_pb2

from edgemesh_client.errors import Undecodable
from edgemesh_client.values import tables
from edgemesh_client.values.tensor import from_tensor

TYPE = "$type"
_MOST_DEPTH = 400
_MOST_BITS = 16_384
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")
_TINY_OFFSET = re.compile(r"([+-])00:00:00\.(\d{6})$")
_DATES = re.compile(r"(datetime64|timedelta64)(\[\w{1,8}\])?")
_NO_BYTES = re.compile(r"[<|>=]?[SUV]0")
_LEAF = re.compile(r"[<>|=]?(\?|[biufc]\d{1,2}|[SUV]\d{1,9}|[mM]8(\[\w{1,8}\])?)")
_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def decode(
    value: Any,
    tensors: Mapping[str, tensor_pb2.Tensor],
    landed: Mapping[str, npt.NDArray[Any]] | None = None,
) -> tuple[Any, set[str]]:
    """The Python value, and the names of the tensors that it refers to. Raises Undecodable.

    `landed`: those that lie in the caller's own memory.
    """
    decoder = Decoder(tensors, landed or {})
    try:
        return decoder.item(value), decoder.used
    except (Undecodable, MemoryError):
        raise
    except Exception as error:
        text = f"a tagged value makes no sense ({type(error).__name__}: {error})"
        raise Undecodable(text[:300]) from None


class Decoder:
    """Decodes the parts of one answer."""

    def __init__(
        self, tensors: Mapping[str, tensor_pb2.Tensor], landed: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self._tensors, self._landed = tensors, landed
        self._depth = 0
        self.used: set[str] = set()

    def item(self, value: Any) -> Any:
        """The Python value of a part."""
        if not isinstance(value, (dict, list)):
            return value
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Undecodable(f"a value is nested more than {_MOST_DEPTH} deep")
        made = self._container(cast(Any, value))
        self._depth -= 1
        return made

    def _container(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.item(part) for part in cast(list[Any], value)]
        if TYPE not in value:
            return {key: self.item(part) for key, part in value.items()}
        handler = _DECODERS.get(value[TYPE]) or tables.DECODERS.get(value[TYPE])
        if handler is None:
            raise Undecodable(f"{value[TYPE]!r:.100} is no known {TYPE}")
        return handler(self, value)

    def tensor(self, name: str) -> Any:
        """The array, or the bytes, of the tensor that is called so."""
        self.used.add(name)
        return self._landed[name] if name in self._landed else from_tensor(self._tensors[name])

    def raw(self, name: str) -> bytes:
        """The bytes of one that is bytes."""
        found = self.tensor(name)
        if not isinstance(found, bytes):
            raise Undecodable(f"the tensor {name!r} is no bytes")
        return found


def _integers(value: Any, count: int) -> list[int]:
    if not isinstance(value, list):
        raise ValueError("integers are needed")
    numbers = cast(list[Any], value)
    if len(numbers) != count or not all(type(n) is int for n in numbers):
        raise ValueError(f"{count} integers are needed")
    return numbers


def _int(_: Decoder, wire: Any) -> int:
    if not _HEXADECIMAL.fullmatch(wire["value"]):
        raise ValueError("an int is written as 0x…")
    return int(wire["value"], 16)


def _complex(decoder: Decoder, wire: Any) -> complex:
    real, imaginary = (decoder.item(part) for part in wire["value"])
    return complex(float(real), float(imaginary))


def _bytes(kind: Callable[[bytes], Any]) -> Callable[[Decoder, Any], Any]:
    def made(decoder: Decoder, wire: Any) -> Any:
        if "tensor" not in wire:
            return kind(base64.b64decode(wire["value"], validate=True))
        found = decoder.raw(wire["tensor"])
        return kind(found) if kind is not bytes else found  # a picture keeps its media type

    return made


def _items(kind: Callable[[list[Any]], Any]) -> Callable[[Decoder, Any], Any]:
    def made(decoder: Decoder, wire: Any) -> Any:
        if not isinstance(wire["items"], list):
            raise ValueError("items are a list")
        return kind(decoder.item(wire["items"]))

    return made


def _moment(kind: Any) -> Callable[[Decoder, Any], Any]:
    def made(decoder: Decoder, wire: Any) -> Any:
        value = kind.fromisoformat(wire["value"])
        tiny = _TINY_OFFSET.search(wire["value"])
        if tiny is not None:  # fromisoformat takes an offset below a second for none
            offset = dt.timedelta(microseconds=int(tiny[1] + tiny[2]))
            value = value.replace(tzinfo=dt.timezone(offset))
        zone = wire.get("zone")
        if isinstance(zone, str):
            value = value.replace(tzinfo=ZoneInfo(zone))
        elif zone is not None:
            value = value.replace(tzinfo=decoder.item(zone))
        return value.replace(fold=1) if wire.get("fold") == 1 else value

    return made


def _timezone(_: Decoder, wire: Any) -> dt.tzinfo:
    if "key" in wire:
        return ZoneInfo(wire["key"])
    offset = dt.timedelta(*_integers(wire["offset"], 3))
    return dt.timezone(offset, wire["name"]) if "name" in wire else dt.timezone(offset)


def _fraction(decoder: Decoder, wire: Any) -> Fraction:
    above, below = _integers(decoder.item(wire["value"]), 2)
    if max(above.bit_length(), below.bit_length()) > _MOST_BITS:
        raise ValueError("a fraction of too many digits")
    return Fraction(above, below)


def _dict(decoder: Decoder, wire: Any) -> dict[Any, Any]:
    return {decoder.item(key): decoder.item(item) for key, item in wire["items"]}


def _array(decoder: Decoder, wire: Any) -> Any:
    dtype = wire.get("dtype")
    if dtype is None:
        return decoder.tensor(wire["tensor"])
    if "items" in wire:
        return _of_items(decoder.item(wire["items"]), dtype).reshape(_shape(wire))
    if isinstance(dtype, str) and _DATES.fullmatch(dtype):
        return decoder.tensor(wire["tensor"]).view(np.dtype(dtype))
    described = np.lib.format.descr_to_dtype(_description(dtype, 0))
    if described.hasobject or not described.itemsize:
        raise ValueError("a dtype without bytes of its own")
    return np.frombuffer(decoder.raw(wire["tensor"]), described).reshape(_shape(wire))


def _of_items(items: list[Any], dtype: Any) -> Any:
    if dtype == "string":
        return np.array(items, dtype=np.dtypes.StringDType())
    if dtype != "object":
        if not _NO_BYTES.fullmatch(dtype):
            raise ValueError("no such dtype of items")
        return np.array(items, dtype=np.dtype(dtype))
    made = np.empty(len(items), dtype=object)
    for at, item in enumerate(items):  # assigned at once, sequences would be taken apart
        made[at] = item
    return made


def _shape(wire: Any) -> tuple[int, ...]:
    shape = wire["shape"]
    if len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("no such shape")
    return tuple(shape)


def _description(described: Any, depth: int) -> Any:
    if isinstance(described, str):
        if not _LEAF.fullmatch(described):
            raise ValueError("no such dtype")
        return described
    if depth > 8 or not 0 < len(described) <= 1024:
        raise ValueError("a dtype of too many parts")
    return [
        (tuple(name) if isinstance(name, list) else name, _description(kind, depth + 1),
         *map(tuple, shape))
        for name, kind, *shape in described
    ]  # fmt: skip


def _masked(decoder: Decoder, wire: Any) -> Any:
    data, mask = decoder.item(wire["data"]), decoder.item(wire["mask"])
    return np.ma.MaskedArray(data, mask=mask, fill_value=decoder.item(wire["fill_value"]))


def _date64(_: Decoder, wire: Any) -> Any:
    if not _DATES.fullmatch(wire["dtype"]):
        raise ValueError("no such dtype")
    return np.int64(wire["value"]).view(np.dtype(wire["dtype"]))


_DECODERS: dict[object, Callable[[Decoder, Any], Any]] = {
    "int": _int,
    "float": lambda _, wire: _FLOATS[wire["value"]],
    "complex": _complex,
    "bytes": _bytes(bytes),
    "bytearray": _bytes(bytearray),
    "tuple": _items(tuple),
    "set": _items(set),
    "frozenset": _items(frozenset),
    "dict": _dict,
    "datetime": _moment(dt.datetime),
    "time": _moment(dt.time),
    "date": lambda _, wire: dt.date.fromisoformat(wire["value"]),
    "timedelta": lambda _, wire: dt.timedelta(*_integers(wire["value"], 3)),
    "timezone": _timezone,
    "decimal": lambda _, wire: Decimal(wire["value"]),
    "fraction": _fraction,
    "uuid": lambda _, wire: UUID(wire["value"]),
    "range": lambda decoder, wire: range(*_integers(decoder.item(wire["value"]), 3)),
    "ndarray": _array,
    "masked": _masked,
    "datetime64": _date64,
}
