"""What a notebook's session has beside Python: rich display, questions, completion.

Rules: run once, before the first cell, as a module that cells do not see. What it answers is the
guest's word: the kernel believes none of it more than what a cell printed.
"""
# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import base64
import builtins
import codeop
import getpass
import io
import rlcompleter
import sys
from typing import Any

from edgemesh import tools  # pyright: ignore[reportAttributeAccessIssue]

_MOST_TEXT = 1 << 20
_RICH = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("image/svg+xml", "_repr_svg_"),
    ("application/json", "_repr_json_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
)


class Plain:
    """A value for the kernel, not for the reader."""

    def __init__(self, value: object) -> None:
        self.value = value


def bundle(value: Any) -> dict[str, Any]:
    """A value by media type, as IPython shows it."""
    many = getattr(type(value), "_repr_mimebundle_", None)
    data: dict[str, Any] = {}
    if many is not None:
        found = many(value, include=None, exclude=None)
        data.update(found[0] if isinstance(found, tuple) else found or {})
    for media, name in _RICH:
        method = getattr(type(value), name, None)
        if media not in data and method is not None:
            shown = method(value)
            if isinstance(shown, bytes):
                shown = base64.b64encode(shown).decode()
            if shown is not None:
                data[media] = shown
    figure = sys.modules.get("matplotlib.figure")
    if figure is not None and isinstance(value, figure.Figure):
        file = io.BytesIO()
        value.savefig(file, format="png", bbox_inches="tight")
        data["image/png"] = base64.b64encode(file.getvalue()).decode()
    data.setdefault("text/plain", repr(value)[:_MOST_TEXT])
    return data


def displayhook(value: object) -> object:
    """The last expression of a cell: what the kernel gets of it."""
    if value is None:
        return None
    if isinstance(value, Plain):
        return value.value
    main = sys.modules["__main__"].__dict__
    main["___"], main["__"], main["_"] = main.get("__"), main.get("_"), value
    return {"bundle": bundle(value)}


def display(*values: object) -> None:
    """Show values now, richly, wherever the cell is."""
    for value in values:
        tools.display(bundle(value))


def ask(prompt: object = "", /) -> str:
    """`input()`: the notebook asks its reader."""
    return _answer(tools.ask(str(prompt), False))


def ask_secretly(prompt: str = "Password: ", stream: object = None) -> str:
    """`getpass.getpass()`."""
    return _answer(tools.ask(str(prompt), True))


def _answer(text: str | None) -> str:
    if text is None:
        raise EOFError("nobody answered")
    return text


def complete(source: str, cursor: int) -> Plain:
    """Names that go on what stands before the cursor, and where they begin."""
    before = source[:cursor]
    start = len(before)
    while start and (before[start - 1].isalnum() or before[start - 1] in "._"):
        start -= 1
    text = before[start:]
    completer = rlcompleter.Completer(sys.modules["__main__"].__dict__)
    found: list[str] = []
    while text and len(found) < 500:
        name = completer.complete(text, len(found))
        if name is None:
            break
        found.append(name)
    return Plain([found, start])


def inspect(source: str, cursor: int) -> Plain:
    """What the name at the cursor is, for a reader; None for what is no name."""
    start = end = min(cursor, len(source))
    while start and (source[start - 1].isalnum() or source[start - 1] in "._"):
        start -= 1
    while end < len(source) and (source[end].isalnum() or source[end] == "_"):
        end += 1
    first, *rest = source[start:end].split(".")
    main = sys.modules["__main__"].__dict__
    missing = object()
    value = main.get(first, getattr(builtins, first, missing))
    for name in rest:
        value = getattr(value, name, missing)
    if value is missing:
        return Plain(None)
    import inspect as library

    try:
        signature = str(library.signature(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        signature = ""
    document = library.getdoc(value) or ""
    head = f"{source[start:end]}{signature}" if signature else repr(value)[:400]
    return Plain(f"{head}\nType: {type(value).__name__}\n\n{document}"[:_MOST_TEXT])


def is_complete(source: str) -> Plain:
    """`complete`, `incomplete` or `invalid`."""
    try:
        done = codeop.compile_command(source, "<cell>", "exec") is not None
    except (SyntaxError, OverflowError, ValueError):
        return Plain("invalid")
    if done and source.rstrip(" ").count("\n") and not source.endswith("\n"):
        last = source.rpartition("\n")[2]
        done = not last.startswith((" ", "\t"))
    return Plain("complete" if done else "incomplete")


sys.displayhook = displayhook
builtins.display = display  # type: ignore[attr-defined]
builtins.input = ask
getpass.getpass = ask_secretly
