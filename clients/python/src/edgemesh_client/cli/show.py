"""How commands show what they were told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgemesh_client.cli.app import STATE

_T = TypeVar("_T")


def many(
    name: str, items: Sequence[_T], columns: Sequence[str], row: Callable[[_T], Sequence[Any]]
) -> None:
    """Things of a kind: JSON under its name, or a table."""
    if STATE.output.as_json:
        STATE.output.json({name: items})
    else:
        STATE.output.table(columns, map(row, items))


def one(item: Any) -> None:
    """One thing."""
    if STATE.output.as_json:
        STATE.output.json(item)
        return
    told = {name: getattr(item, name) for name in item.__dataclass_fields__}
    STATE.output.table(("", ""), [(name, value) for name, value in told.items() if value])
