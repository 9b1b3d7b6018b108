"""What a program that goes on has: the names of its `__main__`, their types and sizes.

Rules: none of the program's own code runs for it (no `__repr__`, `__sizeof__` or `__len__` of its
classes); what it has made itself is measured without what it refers to.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

MOST_NAMES = 10_000
_MOST_TEXT = 200
_OURS = frozenset(
    ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__", "inputs")
)


def names(main: dict[str, Any]) -> dict[str, Any]:
    """`names`: objects of name, type and bytes, with length or shape where there is one;
    `figures`: how many are open."""
    found = [
        {"name": name[:_MOST_TEXT], **_described(value)}
        for name, value in list(main.items())[:MOST_NAMES]
        if type(name) is str and name not in _OURS
    ]
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")
    return {"names": found, "figures": len(helpers.Gcf.figs) if helpers is not None else 0}


def _described(value: Any) -> dict[str, Any]:
    kind = type(value)
    module, name = (
        type.__dict__["__module__"].__get__(kind),
        type.__dict__["__name__"].__get__(kind),
    )
    module = module if type(module) is str else "?"
    label = name if module in ("builtins", "__main__") else f"{module}.{name}"
    told: dict[str, Any] = {"type": label[:_MOST_TEXT], "bytes": _size(value, kind, module)}
    if kind in (str, bytes, bytearray, list, tuple, dict, set, frozenset):
        told["length"] = len(value)
    elif kind is np.ndarray:
        told["shape"] = list(value.shape)
        told["dtype"] = str(value.dtype)[:_MOST_TEXT]
    elif kind in _tables():
        told["shape"] = list(value.shape)
    elif kind is ModuleType:
        told["of"] = str(vars(value).get("__name__"))[:_MOST_TEXT]
    return told


def _tables() -> tuple[type, ...]:
    """The types of pandas' tables, where it is imported."""
    pandas: Any = sys.modules.get("pandas")
    return (pandas.DataFrame, pandas.Series) if pandas is not None else ()


def _size(value: Any, kind: type, module: str) -> int:
    try:
        if kind is np.ndarray:
            return int(value.nbytes)
        if kind in _tables():
            return int(np.sum(value.memory_usage(deep=False)))
        if module == "builtins":
            return sys.getsizeof(value)
        return object.__sizeof__(value)
    except Exception:
        return 0
