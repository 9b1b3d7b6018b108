"""What a page's fenced blocks are: those that run, and those that say what the one before printed.

    python, sh    run
    text          what was printed; … stands for anything
    json          the document that was printed; it may have more keys, and "…" is anything
    (none)        a drawing

A block of any other language needs a reason why it is not run, which is a comment in the line
before it: `<!-- not run: it takes the mesh away -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from reader import Page
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

_LEXER = FencedCodeBlockLexer(r"[^\n]*", {"language": "language", "source": "source"})
_REASON = re.compile(r"<!-- not run: (\S.*?) -->\s*\Z")


def parse(document: Document) -> Iterator[Region]:
    """A page's blocks that are run or compared. Fails for one that is neither."""
    for region in _LEXER(document):
        if region.lexemes["language"] and reason(document.text, region.start) is None:
            region.parsed = str(region.lexemes["source"])
            region.evaluator = evaluate
            yield region


def reason(text: str, start: int) -> str | None:
    """Why the block that begins there is not run; None: it is."""
    found = _REASON.search(text[:start])
    return found.group(1) if found else None


def count(path: Path) -> tuple[int, list[str]]:
    """How many blocks a page has, and why some are not run."""
    text = path.read_text()
    regions = list(_LEXER(Document(text, str(path))))
    reasons = (reason(text, region.start) for region in regions)
    return len(regions), [each for each in reasons if each is not None]


def evaluate(example: Example) -> None:
    """Run a block, or hold what the one before has printed against it."""
    language = str(example.region.lexemes["language"]).split(" ")[0]
    page: Page = example.namespace["_reader"].page(example.path, example.namespace)
    source = cast(str, example.parsed)
    match language:
        case "python":
            page.python(source, example.namespace)
        case "sh":
            page.sh(source)
        case "text":
            pattern = ".*?".join(re.escape(part) for part in source.rstrip().split("…"))
            printed = "\n".join(line.rstrip() for line in page.printed.rstrip().split("\n"))
            assert re.fullmatch(pattern, printed, re.DOTALL), f"it printed\n{page.printed}"
        case "json":
            printed = page.printed
            assert _fits(json.loads(source), json.loads(printed)), f"it printed\n{printed}"
        case _:
            raise AssertionError(f"a block of {language!r} is not run, and nothing says why")


def _fits(shown: Any, there: Any) -> bool:
    if shown == "…":
        return True
    if isinstance(shown, dict) and isinstance(there, dict):
        wanted = cast("dict[str, Any]", shown)
        return all(name in there and _fits(value, there[name]) for name, value in wanted.items())
    if isinstance(shown, list) and isinstance(there, list):
        pair = cast("list[Any]", shown), cast("list[Any]", there)
        return len(pair[0]) == len(pair[1]) and all(map(_fits, *pair))
    return shown == there
