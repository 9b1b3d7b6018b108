"""`python -m edgemesh_client.cli.reference FILE`: the page of all commands, made of the commands.

Rules: nothing on the page is written twice: helps and examples are the commands' own, documents are
the dataclasses of `documents` with the texts below their fields. A test holds the page to it.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main
from rich.text import Text

from edgemesh_client.cli import app as command
from edgemesh_client.cli.documents import DOCUMENTS, FAILED

_HEAD = """# The command `edgemesh`

Made of the command itself by `python -m edgemesh_client.cli.reference COMMANDS.md`; the README
shows it in use.

`--json`, anywhere on the line, prints documents instead of tables, one a line; which, is said at
each command, and what is in them [below](#documents). They only grow. In them arrays are nested
lists, complex numbers pairs, bytes base64, times ISO 8601, NaN and infinities text.
"""
_ENDING = """
A command that fails prints `Failed` on stderr, unless its document has told of it already.
"""


def page() -> str:
    """The page."""
    root: Any = typer.main.get_command(command.app)
    parts = [_HEAD, _exit_codes(), "## Options of all commands\n", _options(root)]
    for name, each in _commands(root, ()):
        parts += [f"## edgemesh {name}\n", _help(each), _examples(each), _options(each)]
        parts.append(_printed(name))
    parts += ["## Documents\n", _ENDING.lstrip()]
    parts += [_document(kind) for kind in sorted(_kinds(), key=lambda kind: kind.__name__)]
    return "\n".join(part for part in parts if part)


def _commands(group: Any, above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        if each.hidden:
            continue
        if hasattr(each, "commands"):
            yield from _commands(each, (*above, name))
        else:
            yield " ".join((*above, name)), each


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in command.EXIT_CODES.items()]
    return "\n".join(["## Exit codes\n", "| code | |", "| --- | --- |", *rows, ""])


def _help(each: Any) -> str:
    said = " ".join(inspect.cleandoc(each.help or "").split())
    return textwrap.fill(said, 100, break_on_hyphens=False, break_long_words=False) + "\n"


def _examples(each: Any) -> str:
    lines = Text.from_markup(each.epilog or "").plain.splitlines()[1:]
    return "\n".join(["```sh", *(line.strip() for line in lines), "```", ""])


def _options(each: Any) -> str:
    rows = list[str]()
    for parameter in each.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        written = f"`{', '.join([*parameter.opts, *parameter.secondary_opts])}`"
        if parameter.param_type_name == "argument":
            written = f"`{parameter.name.upper()}`" + ("" if parameter.required else " (optional)")
        rows.append(f"| {written} | {(parameter.help or '').replace('|', chr(92) + '|')} |")
    return "\n".join(["| | |", "| --- | --- |", *rows, ""]) if rows else ""


def _printed(name: str) -> str:
    """Which documents it prints."""
    told = [
        f"`{kind.__name__}`" + (f" ({words})" if words != name else "")
        for words, kind in DOCUMENTS.items()
        if words == name or re.fullmatch(rf"{name} (NAME|--\w+)", words)
    ]
    return f"With `--json`: {', '.join(told)}.\n"


def _kinds() -> set[type]:
    """All dataclasses that documents are, or have in them."""
    found, left = set[type](), [*DOCUMENTS.values(), FAILED]
    while left:
        kind = left.pop()
        if kind in found:
            continue
        found.add(kind)
        for hint in typing.get_type_hints(kind).values():
            left += [each for each in _inside(hint) if dataclasses.is_dataclass(each)]
    return found


def _inside(hint: Any) -> Iterator[Any]:
    yield hint
    for each in typing.get_args(hint):
        yield from _inside(each)


def _document(kind: type) -> str:
    texts, hints = _field_texts(kind), typing.get_type_hints(kind)
    rows = [
        f"| `{each.name}` | {_name(hints[each.name])} | {texts.get(each.name, '')} |"
        for each in dataclasses.fields(kind)
    ]
    head = [f"### {kind.__name__}\n", (inspect.getdoc(kind) or "") + "\n"]
    return "\n".join([*head, "| field | is | |", "| --- | --- | --- |", *rows, ""])


def _field_texts(kind: type) -> dict[str, str]:
    """What is written below each field."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    if not isinstance(body, ast.ClassDef):
        raise AssertionError("its source is a class")
    found = dict[str, str]()
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def _name(hint: Any) -> str:
    """A type as JSON has it."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_name(each) for each in inside)
    if origin is tuple and len(inside) == 2 and inside[1] is ...:
        return f"list of {_name(inside[0])}"
    if origin is tuple:
        return f"list of {', '.join(_name(each) for each in inside)}"
    if origin is not None and issubclass(origin, Mapping):
        return f"object of {_name(inside[1])}"
    if dataclasses.is_dataclass(hint):
        return f"`{getattr(hint, '__name__', hint)}`"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "text: " + ", ".join(str(each.value) for each in hint)
    plain = {str: "text", int: "number", float: "number", bool: "true or false", Any: "any JSON"}
    return plain.get(hint) or {"NoneType": "null", "datetime": "time"}[hint.__name__]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
