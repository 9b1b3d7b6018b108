"""The wire form back to Python values; `encoding` is the way there.

Rules: it may come from a stranger on either side, so each tag checks what it holds, costs no more
than its own length, and ends in `Malformed` where it makes no sense. What needs a library that is
not installed here stays as it is: a tensor, or the tagged object.
"""
# pyright: basic

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import re
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from . import numeric, tables

TYPE = "$type"
_MOST_DEPTH = 400  # a container is two objects deep
_MOST_BITS = 16_384  # of a fraction's parts, whose common divisor is sought
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")
_TINY_OFFSET = re.compile(r"([+-])00:00:00\.(\d{6})$")
_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


class Malformed(Exception):
    """The wire form makes no sense."""


class Decoder:
    """Decodes values that refer to tensors by name.

    `array(name)` gives a tensor as an array (or as what stands for one where NumPy is not
    installed), `raw(name)` the bytes of one of dtype bytes; both raise `KeyError`.
    """

    def __init__(
        self, array: Callable[[str], Any], raw: Callable[[str], Any], *, zones: bool = True
    ) -> None:
        """`zones`: whether time zones are looked up; without, their names are taken as they are."""
        self._array, self._raw, self.zones = array, raw, zones
        self._depth = 0
        self.used: set[str] = set()
        """Names of the tensors that were referred to."""

    def decode(self, value: Any) -> Any:
        """The Python value. Raises `Malformed`."""
        self._depth = 0
        try:
            return self.item(value)
        except (Malformed, MemoryError):
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise Malformed(f"a tagged value makes no sense ({reason})") from None

    def item(self, value: Any) -> Any:
        """The Python value of a part."""
        kind = type(value)
        if kind is not dict and kind is not list:
            return value
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Malformed(f"nested more than {_MOST_DEPTH} deep")
        if kind is list:
            out: Any = [self.item(part) for part in value]
        elif TYPE in value:
            tag = value[TYPE]
            handler = _DECODERS.get(tag) if isinstance(tag, str) else None
            if handler is None:
                raise Malformed(f"{str(tag)[:100]!r} is no known {TYPE}")
            out = handler(self, value)
        else:
            out = {key: self.item(part) for key, part in value.items()}
        self._depth -= 1
        return out

    def array(self, value: Any) -> Any:
        """The array of the tensor that is called so."""
        self.used.add(value)
        return self._array(value)

    def raw(self, value: Any) -> Any:
        """The bytes of the tensor that is called so."""
        self.used.add(value)
        return self._raw(value)


def numbers(value: Any, count: int) -> list[int]:
    """Exactly so many integers. Raises `Malformed`."""
    if not isinstance(value, list) or len(value) != count:
        raise Malformed(f"{count} integers are needed")
    if not all(type(n) is int for n in value):
        raise Malformed("integers are needed")
    return value


def _int(_: Decoder, wire: Any) -> Any:
    if not _HEXADECIMAL.fullmatch(wire["value"]):
        raise Malformed("an int is written as 0x…")
    return int(wire["value"], 16)


def _complex(decoder: Decoder, wire: Any) -> Any:
    real, imaginary = (decoder.item(part) for part in wire["value"])
    return complex(float(real), float(imaginary))


def _bytes(kind: type) -> Callable[[Decoder, Any], Any]:
    def decode(decoder: Decoder, wire: Any) -> Any:
        if "tensor" in wire:
            return kind(decoder.raw(wire["tensor"]))
        return kind(base64.b64decode(wire["value"], validate=True))

    return decode


def _collection(kind: Callable[[Any], Any]) -> Callable[[Decoder, Any], Any]:
    def decode(decoder: Decoder, wire: Any) -> Any:
        items = wire["items"]
        if not isinstance(items, list):
            raise Malformed("items are a list")
        return kind(decoder.item(items))

    return decode


def _datetime(decoder: Decoder, wire: Any) -> Any:
    return _moment(datetime.datetime.fromisoformat(wire["value"]), decoder, wire)


def _time(decoder: Decoder, wire: Any) -> Any:
    return _moment(datetime.time.fromisoformat(wire["value"]), decoder, wire)


def _moment(value: Any, decoder: Decoder, wire: Any) -> Any:
    tiny = _TINY_OFFSET.search(wire["value"])
    if tiny is not None:  # CPython's parser takes an offset of less than a second for none
        offset = datetime.timedelta(microseconds=int(tiny[1] + tiny[2]))
        value = value.replace(tzinfo=datetime.timezone(offset))
    zone = wire.get("zone")
    if isinstance(zone, str):
        zone = named_zone(zone) if decoder.zones else None
    elif zone is not None:
        zone = decoder.item(zone)
    if zone is not None:
        value = value.replace(tzinfo=zone)
    return value.replace(fold=1) if wire.get("fold") == 1 else value


def named_zone(key: str) -> zoneinfo.ZoneInfo | None:
    """The time zone, None where this machine does not know it."""
    try:
        return zoneinfo.ZoneInfo(key)
    except Exception:  # also what lies where a zone would: a folder, a file that is none
        return None


def _timezone(decoder: Decoder, wire: Any) -> Any:
    if "key" in wire:
        if not decoder.zones and isinstance(wire["key"], str):
            return None
        zone = named_zone(wire["key"])
        if zone is None:
            raise Malformed(f"no time zone {wire['key'][:100]!r}")
        return zone
    offset = datetime.timedelta(*numbers(wire["offset"], 3))
    return datetime.timezone(offset, wire["name"]) if "name" in wire else datetime.timezone(offset)


def _fraction(_: Decoder, wire: Any) -> Any:
    above, below = numbers(wire["value"], 2)
    if max(above.bit_length(), below.bit_length()) > _MOST_BITS:
        raise Malformed("a fraction of too many digits")
    return fractions.Fraction(above, below)


def _range(decoder: Decoder, wire: Any) -> Any:
    return range(*numbers(decoder.item(wire["value"]), 3))


def _pairs(decoder: Decoder, wire: Any) -> Any:
    return {decoder.item(key): decoder.item(value) for key, value in wire["items"]}


_DECODERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "int": _int,
    "float": lambda _, wire: _FLOATS[wire["value"]],
    "complex": _complex,
    "bytes": _bytes(bytes),
    "bytearray": _bytes(bytearray),
    "tuple": _collection(tuple),
    "set": _collection(set),
    "frozenset": _collection(frozenset),
    "dict": _pairs,
    "datetime": _datetime,
    "date": lambda _, wire: datetime.date.fromisoformat(wire["value"]),
    "time": _time,
    "timedelta": lambda _, wire: datetime.timedelta(*numbers(wire["value"], 3)),
    "timezone": _timezone,
    "decimal": lambda _, wire: decimal.Decimal(wire["value"]),
    "fraction": _fraction,
    "uuid": lambda _, wire: uuid.UUID(wire["value"]),
    "range": _range,
    **numeric.DECODERS,
    **tables.DECODERS,
}

TAGS = tuple(_DECODERS)
"""All that `$type` can say."""
