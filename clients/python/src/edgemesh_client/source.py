"""A function to a program that has it: its source, and what of its module it needs.

Rules: decorators stay at home. A global that the function uses comes along if it is a module
(imported by its name), a function or class of Python's source, or a constant that `repr` writes;
else `SourceUnfit` says what cannot come, before anything is sent. Nothing is pickled.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

from edgemesh_client.errors import SourceUnfit

_CONSTANTS = (str, bytes, int, float, complex, bool, type(None), tuple, list, dict, set, frozenset)


def program(function: Callable[..., Any]) -> str:
    """The program's text. Raises SourceUnfit."""
    if not isinstance(function, types.FunctionType):
        raise SourceUnfit(repr(function), "is no function written in Python")
    if function.__name__ == "<lambda>":
        raise SourceUnfit("a lambda", "has no name to be called by; write it with def")
    parts: list[str] = []
    _ship(function.__name__, function, parts, set(), function.__name__)
    return "\n".join(parts)


def _ship(name: str, value: Any, parts: list[str], shipped: set[str], root: str) -> None:
    """Append what binds `name` to `value`, after what that needs."""
    if name in shipped:
        return
    shipped.add(name)
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, types.ModuleType):
        same = value.__name__ == name
        parts.append(f"import {value.__name__}" + ("" if same else f" as {name}"))
        return
    if isinstance(value, (types.FunctionType, type)) and _is_here(value):
        text = _source(value, root)
        for other, needed in _needed(value, text, root).items():
            _ship(other, needed, parts, shipped, root)
        parts.append(text if value.__name__ == name else f"{text}\n{name} = {value.__name__}")
        return
    module = getattr(value, "__module__", None)
    own = getattr(value, "__qualname__", None)
    if isinstance(module, str) and isinstance(own, str) and module != "__main__" and "." not in own:
        parts.append(f"from {module} import {own}" + ("" if own == name else f" as {name}"))
        return
    if isinstance(value, _CONSTANTS) and _written(value):
        parts.append(f"{name} = {value!r}")
        return
    kind = type(value).__qualname__
    raise SourceUnfit(
        root, f"uses the global {name!r} ({kind}), which cannot come along: pass it as an argument"
    )


def _is_here(value: Any) -> bool:
    """Whether it is of the caller's own code, not of an installed package or the library."""
    try:
        file = inspect.getsourcefile(value) or ""
    except TypeError:
        return value.__module__ == "__main__"
    return (
        "site-packages" not in file
        and file != (inspect.getsourcefile(inspect) or "")
        and (not file.startswith(_LIBRARY))
    )


_LIBRARY = (inspect.getsourcefile(inspect) or "").removesuffix("inspect.py")


def _source(value: Any, root: str) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        raise SourceUnfit(
            root, f"needs the source of {value.__name__}, which is not there"
        ) from None
    try:
        node = ast.parse(text).body[0]
    except SyntaxError:
        raise SourceUnfit(root, f"is not a statement of its own at {value.__name__}") from None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        raise SourceUnfit(root, "is not written with def")
    # A function's decorators are above its first line; the lines stay as they were written.
    lines = text.splitlines()
    first = 0 if isinstance(node, ast.ClassDef) else node.lineno - 1
    return "\n".join(lines[first:]).rstrip() + "\n"


def _needed(value: Any, text: str, root: str) -> dict[str, Any]:
    """The globals that it uses, by name."""
    if isinstance(value, types.FunctionType):
        free = [
            name
            for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            if name != value.__name__ and not _is_itself(cell, value)
        ]
        if free:
            raise SourceUnfit(root, f"closes over {', '.join(free)}: pass them as arguments")
        space = value.__globals__
    else:
        space = vars(sys.modules[value.__module__])
    nodes = list(ast.walk(ast.parse(text)))
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    used = [node for node in nodes if isinstance(node, ast.Name)]
    names = {node.id for node in used if isinstance(node.ctx, ast.Load)} | declared
    bound = {node.id for node in used if not isinstance(node.ctx, ast.Load)}
    bound = (bound | {node.arg for node in nodes if isinstance(node, ast.arg)}) - declared
    return {
        name: space[name]
        for name in sorted(names)
        if name in space and name not in bound and name != value.__name__
        and not hasattr(builtins, name)
    }  # fmt: skip


def _is_itself(cell: types.CellType, value: Any) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:
        return True


def _written(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
