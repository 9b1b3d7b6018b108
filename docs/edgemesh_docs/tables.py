"""Tables and prose in Markdown, of texts that were not written as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"([\\*_\[\]])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of Markdown, of whose cells a line break or a bar makes nothing else."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def plain(text: str) -> str:
    """A text that shows as it is, but for what stands between backquotes."""
    parts = _CODE.split(text)
    for number in range(0, len(parts), 2):
        escaped = parts[number].replace("&", "&amp;").replace("<", "&lt;")
        parts[number] = _SPECIAL.sub(r"\\\1", escaped)
    return "".join(parts)


def code(text: str) -> str:
    """A text between backquotes; nothing where there is none."""
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
