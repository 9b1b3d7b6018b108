"""How commands show what they were told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgemesh_client.cli.app import STATE
from edgemesh_client.cli.shapes import Deleted

_T = TypeVar("_T")


def many(
    document: Any, items: Sequence[_T], columns: Sequence[str], row: Callable[[_T], Sequence[Any]]
) -> None:
    """Things of a kind: the JSON document that has them, or a table."""
    if STATE.output.as_json:
        STATE.output.json(document)
    else:
        STATE.output.table(columns, map(row, items))


def one(item: Any) -> None:
    """One thing."""
    if STATE.output.as_json:
        STATE.output.json(item)
        return
    told = {name: getattr(item, name) for name in item.__dataclass_fields__}
    STATE.output.table(("", ""), [(name, value) for name, value in told.items() if value])


def deleted(name: str) -> None:
    """That it is no more; only JSON says so."""
    if STATE.output.as_json:
        STATE.output.json(Deleted(name))
