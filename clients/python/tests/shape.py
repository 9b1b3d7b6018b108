"""Whether JSON is of a documented shape, to the last field."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    types.NoneType: (types.NoneType,),
}


def fits(value: Any, hint: Any, place: str = "document") -> None:
    """Nothing. Raises AssertionError with the place of what does not fit."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return
    if origin in (typing.Union, types.UnionType):
        _one_of(value, inside, place)
    elif origin is tuple:
        assert isinstance(value, list), place
        each = [inside[0]] * len(value) if inside[-1] is ... else list(inside)
        assert len(each) == len(value), place
        for number, (item, kind) in enumerate(zip(value, each, strict=True)):
            fits(item, kind, f"{place}[{number}]")
    elif origin is not None and issubclass(origin, Mapping):
        assert isinstance(value, dict), place
        for name, item in value.items():
            fits(item, inside[1], f"{place}.{name}")
    elif dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        assert isinstance(value, dict), place
        assert list(value) == [field.name for field in dataclasses.fields(hint)], place
        for name, item in value.items():
            fits(item, hints[name], f"{place}.{name}")
    elif hint is dt.datetime:
        assert isinstance(value, str), place
        assert dt.datetime.fromisoformat(value).tzinfo is not None, place
    elif issubclass(hint, enum.Enum):
        assert value in [each.value for each in hint], place
    else:
        assert isinstance(value, _PLAIN[hint]), place
        assert hint is bool or not isinstance(value, bool), place


def _one_of(value: Any, kinds: tuple[Any, ...], place: str) -> None:
    wrong = list[str]()
    for kind in kinds:
        try:
            fits(value, kind, place)
        except AssertionError as error:
            wrong.append(str(error))
        else:
            return
    raise AssertionError("; ".join(wrong))
