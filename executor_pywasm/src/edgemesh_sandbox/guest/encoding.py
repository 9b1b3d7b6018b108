"""Python values to their wire form: JSON, and tensors beside it. `decoding` is the way back.

Rules: JSON that Python reads back equal is left as it is; all else becomes an object whose `$type`
says what it is (the table is in the executor's README). Both sides of the sandbox use this module,
so it knows neither guest nor host. Cycles, depth and what has no wire form raise `Unfit`, which
names the place.
"""
# pyright: basic

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import gc
import math
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from itertools import chain
from json import decoder as _decoder
from json import encoder as _encoder
from typing import Any

from . import numeric, tables

TYPE = "$type"
"""The key that makes a JSON object a tagged one."""
MOST_DEPTH = 100
MOST_TENSORS = 1024
MOST_NAME = 255
INLINE_BYTES = 1024
"""Longer bytes become a tensor."""
MOST_DIGITS = 4300
"""Of an integer written in decimal: what Python's own parser takes."""
_TEXT, _CONTAINERS = frozenset((str,)), frozenset((list, dict))
_JSON = _TEXT | _CONTAINERS | {int, float, bool, type(None)}
_PLAIN_BITS = 14_000  # fewer than MOST_DIGITS digits
_HINTS = {
    "Enum": "use .value or .name",
    "deque": "use list()",
    "Axes": "give the figure",
}

# C code, held from before: a program may replace all that is in `json`.
_make_encoder: Any = vars(_encoder)["c_make_encoder"]
_escaped: Any = _encoder.encode_basestring_ascii
_referents = gc.get_referents
_scan: Any = vars(_decoder.JSONDecoder())["scan_once"]


class Unfit(Exception):
    """The value at `place`, a path in brackets, has no wire form, for `reason`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} {reason}")
        self.place, self.reason = place, reason


def dumps(value: object, default: Callable[[Any], object] | None = None) -> str:
    """Compact ASCII JSON as the standard has it. Raises `ValueError`, `TypeError` …"""
    encode = _make_encoder({}, default or _refuse, _escaped, None, ":", ",", False, False, False)
    return "".join(encode(value, 0))


def plain(value: object, default: Callable[[Any], object] | None = None) -> str | None:
    """The JSON text of a value that needs no tags; None when it may need some."""
    try:
        text = dumps(value, default)
        if '"$type"' in text:
            return None
        # What JSON would change (tuples, keys that are no text) comes back unequal.
        return text if _is_json(value) or bool(_scan(text, 0)[0] == value) else None
    except MemoryError:
        raise
    except Exception:
        return None


def _is_json(value: object) -> bool:
    """Whether a value is of JSON's own types alone; level by level, in C code."""
    if type(value) not in _CONTAINERS:
        return type(value) in _JSON
    level = [value]
    while True:
        dicts = [part for part in level if type(part) is dict]
        if dicts and not set(map(type, chain.from_iterable(dicts))) <= _TEXT:
            return False
        parts = _referents(*level)
        kinds = set(map(type, parts))
        if not kinds <= _JSON:
            return False
        if _CONTAINERS.isdisjoint(kinds):
            return True
        level = [part for part in parts if type(part) in _CONTAINERS]


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is no JSON")


class Encoder:
    """Encodes values; the tensors that come of them are given to `add`.

    `add(name, dtype, shape, data, media_type)` takes a tensor; `foreign(encoder, value)` may give
    the wire form of types that only one side knows, or None.
    """

    def __init__(
        self,
        add: Callable[[str, str, tuple[int, ...], Any, str], None],
        foreign: Callable[[Encoder, Any], object] | None = None,
        *,
        root: bool = True,
        refs: str = "",
    ) -> None:
        """`root`: whether a place's first part belongs to a tensor's name.

        `refs`: what tensors are referred to by, in front of their names.
        """
        self._refs = refs
        self._add, self._foreign, self._skipped = add, foreign, not root
        self._names: set[str] = set()
        self._at: list[object] = []
        self._above: set[int] = set()

    def encode(self, value: Any, *at: object) -> Any:
        """The wire form of `value`, which lies at the place `at`. Raises `Unfit`."""
        self._at, self._above = list(at), set()
        try:
            return self.item(value)
        except (Unfit, MemoryError):
            raise
        except RecursionError:
            raise self.unfit("is nested too deeply") from None
        except Exception as error:
            raise self.unfit(f"cannot be converted ({type(error).__name__})") from None

    def item(self, value: Any) -> Any:
        """The wire form of a part of what is being encoded."""
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        handler = _ENCODERS.get(kind)
        if handler is not None:
            return handler(self, value)
        return self._other(value)

    def items(self, values: Iterable[Any]) -> list[Any]:
        """The wire forms of parts, by their positions."""
        at, out = self._at, []
        at.append(0)
        for number, value in enumerate(values):
            at[-1] = number
            out.append(self.item(value))
        at.pop()
        return out

    def part(self, name: str, value: Any, encode: Callable[[Encoder, Any], Any]) -> Any:
        """What `encode` makes of the part called `name`."""
        self._at.append(name)
        encoded = encode(self, value)
        self._at.pop()
        return encoded

    def tensor(self, dtype: str, shape: tuple[int, ...], data: Any, media_type: str = "") -> str:
        """Put a tensor beside the JSON; its name, which says where it lies."""
        if len(self._names) >= MOST_TENSORS:
            raise self.unfit(f"is one array too many: at most {MOST_TENSORS} can cross")
        name = ".".join(map(str, self._at[self._skipped :]))
        if not is_name(name) or name in self._names:
            name = f"{name[:200] if name.isprintable() else 'tensor'}~{len(self._names)}"
        self.named(name, dtype, shape, data, media_type)
        return self._refs + name

    def named(self, name: str, dtype: str, shape: Any, data: Any, media_type: str = "") -> None:
        """Put a tensor of this very name beside the JSON."""
        self._names.add(name)
        self._add(name, dtype, shape, data, media_type)

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names for others."""
        self._names.update(names)

    def unfit(self, reason: str) -> Unfit:
        """The error that names the place where this encoder is."""
        first, *rest = self._at or ["value"]
        return Unfit(f"{first}{''.join(f'[{_shown(part)}]' for part in rest)}", reason)

    def nested(self, value: Any, encode: Callable[[], Any]) -> Any:
        """What `encode` makes of a container, unless it contains itself or lies too deep."""
        above = self._above
        if id(value) in above:
            raise self.unfit("contains itself")
        if len(above) >= MOST_DEPTH:
            raise self.unfit(f"is nested more than {MOST_DEPTH} deep")
        above.add(id(value))
        encoded = encode()
        above.discard(id(value))
        return encoded

    def _other(self, value: Any) -> Any:
        if self._foreign is not None:
            encoded = self._foreign(self, value)
            if encoded is not None:
                return encoded
        for library in (tables, numeric):
            encoded = library.encode(self, value)
            if encoded is not None:
                return encoded
        for base in type(value).__mro__[1:]:
            handler = _ENCODERS.get(base)
            if handler is not None:
                return handler(self, value)
        raise self.unfit(_objection(value))


def is_name(name: object) -> bool:
    """Whether it can be a tensor's name."""
    return isinstance(name, str) and 0 < len(name) <= MOST_NAME and name.isprintable()


def _shown(part: object) -> str:
    try:
        return repr(part)[:100]
    except Exception:
        return "…"


def _objection(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    hint = next((_HINTS[b.__name__] for b in kind.__mro__ if b.__name__ in _HINTS), "")
    if hasattr(kind, "__dataclass_fields__"):
        hint = "use dataclasses.asdict()"
    return f"is of type {name}, which has no form outside" + (f"; {hint}" if hint else "")


def _int(_: Encoder, value: int) -> Any:
    if value.bit_length() <= _PLAIN_BITS:
        return value
    return {TYPE: "int", "value": int.__format__(value, "#x")}


def _float(_: Encoder, value: float) -> Any:
    if math.isfinite(value):
        return value
    return {TYPE: "float", "value": float.__repr__(value)}


def _complex(encoder: Encoder, value: complex) -> Any:
    return {TYPE: "complex", "value": [_float(encoder, value.real), _float(encoder, value.imag)]}


def _bytes(encoder: Encoder, value: Any) -> Any:
    name = "bytearray" if isinstance(value, bytearray) else "bytes"
    data = bytes(value)
    if len(data) > INLINE_BYTES:
        return {TYPE: name, "tensor": encoder.tensor("bytes", (len(data),), data)}
    return {TYPE: name, "value": base64.b64encode(data).decode()}


def _list(encoder: Encoder, value: list[Any]) -> Any:
    return encoder.nested(value, lambda: encoder.items(value))


def _sequence(tag: str) -> Callable[[Encoder, Any], Any]:
    return lambda encoder, value: {TYPE: tag, "items": _list(encoder, value)}


def _dict(encoder: Encoder, value: dict[Any, Any]) -> Any:
    def encode() -> Any:
        at = encoder._at
        at.append(None)
        if TYPE not in value and all(isinstance(key, str) for key in value):
            out: Any = {}
            for key, item in value.items():
                at[-1] = key
                out[key] = encoder.item(item)
        else:
            items: list[Any] = []
            for key, item in value.items():
                at[-1] = key
                items.append([encoder.item(key), encoder.item(item)])
            out = {TYPE: "dict", "items": items}
        at.pop()
        return out

    return encoder.nested(value, encode)


def _datetime(encoder: Encoder, value: datetime.datetime) -> Any:
    return _moment("datetime", encoder, value, datetime.datetime.isoformat(value))


def _time(encoder: Encoder, value: datetime.time) -> Any:
    return _moment("time", encoder, value, datetime.time.isoformat(value))


def _moment(tag: str, encoder: Encoder, value: Any, text: str) -> Any:
    wire: dict[str, Any] = {TYPE: tag, "value": text}
    zone = value.tzinfo
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        wire["zone"] = zone.key
    elif type(zone) is datetime.timezone and zone.tzname(None) != _usual_name(zone):
        wire["zone"] = _timezone(encoder, zone)
    if value.fold:
        wire["fold"] = 1
    return wire


def _usual_name(zone: datetime.timezone) -> str:
    return datetime.timezone(zone.utcoffset(None)).tzname(None)


def _timezone(_: Encoder, zone: datetime.timezone) -> Any:
    offset = zone.utcoffset(None)
    wire: dict[str, Any] = {
        TYPE: "timezone",
        "offset": [offset.days, offset.seconds, offset.microseconds],
    }
    if zone.tzname(None) != _usual_name(zone):
        wire["name"] = zone.tzname(None)
    return wire


def _zone(encoder: Encoder, zone: zoneinfo.ZoneInfo) -> Any:
    if not zone.key:
        raise encoder.unfit("is a time zone without a name")
    return {TYPE: "timezone", "key": zone.key}


def _timedelta(_: Encoder, value: datetime.timedelta) -> Any:
    return {TYPE: "timedelta", "value": [value.days, value.seconds, value.microseconds]}


def _fraction(encoder: Encoder, value: fractions.Fraction) -> Any:
    return {TYPE: "fraction", "value": encoder.items([value.numerator, value.denominator])}


def _range(encoder: Encoder, value: range) -> Any:
    return {TYPE: "range", "value": encoder.items([value.start, value.stop, value.step])}


def _text(tag: str, kind: Any) -> Callable[[Encoder, Any], Any]:
    return lambda _, value: {TYPE: tag, "value": kind.__str__(value)}


_ENCODERS: dict[type, Callable[[Encoder, Any], Any]] = {
    str: lambda _, value: str.__str__(value),
    int: _int,
    float: _float,
    complex: _complex,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    list: _list,
    tuple: _sequence("tuple"),
    set: _sequence("set"),
    frozenset: _sequence("frozenset"),
    dict: _dict,
    datetime.datetime: _datetime,
    datetime.date: lambda _, value: {TYPE: "date", "value": datetime.date.isoformat(value)},
    datetime.time: _time,
    datetime.timedelta: _timedelta,
    datetime.timezone: _timezone,
    zoneinfo.ZoneInfo: _zone,
    decimal.Decimal: _text("decimal", decimal.Decimal),
    fractions.Fraction: _fraction,
    uuid.UUID: _text("uuid", uuid.UUID),
    range: _range,
}
