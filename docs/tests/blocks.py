"""What a page's fenced blocks are: those that run, and those that say what the one before printed.

    python, sh    run
    text          what was printed; … stands for anything
    json          the document that was printed; it may have more keys, and "…" is anything
    (none)        a drawing

A comment in the line before a block says what is to be known of it:

    <!-- needs: go -->                    it is run where that program is, and everywhere in CI
    <!-- run by: deploy/tests/test_x.py -->    another test runs it, which names the page; so may a
                                          block of any other language be
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from reader import Page
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

_LEXER = FencedCodeBlockLexer(r"[^\n]*", {"language": "language", "source": "source"})
_COMMENT = re.compile(r"<!-- (needs|run by): (\S.*?) -->\s*\Z")


def parse(document: Document) -> Iterator[Region]:
    """A page's blocks that are run or compared. Fails for one that is neither."""
    for region in _LEXER(document):
        known, what = said(document.text, region.start)
        if region.lexemes["language"] and known != "run by":
            region.parsed = (str(region.lexemes["source"]), what)
            region.evaluator = evaluate
            yield region


def said(text: str, start: int) -> tuple[str, str]:
    """What the comment before a block tells: `needs`, `run by` or nothing; and of it."""
    found = _COMMENT.search(text[:start])
    return (found[1], found[2]) if found else ("", "")


def comments(path: Path) -> list[tuple[str, str]]:
    """What is said of each block of a page."""
    text = path.read_text()
    return [said(text, region.start) for region in _LEXER(Document(text, str(path)))]


def evaluate(example: Example) -> None:
    """Run a block, or hold what the one before has printed against it."""
    language = str(example.region.lexemes["language"]).split(" ")[0]
    page: Page = example.namespace["_reader"].page(example.path, example.namespace)
    source, program = cast("tuple[str, str]", example.parsed)
    if program and shutil.which(program) is None and "CI" not in os.environ:
        pytest.skip(f"{program} is not here")
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
            raise AssertionError(f"a block of {language!r} is not run")


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
