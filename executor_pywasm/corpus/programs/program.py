"""A whole program: a few blocks, each with its exceptions caught, and a result."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from corpus.programs.blocks import BLOCKS
from corpus.programs.expressions import Expressions

IMPORTS = (
    "import asyncio, base64, binascii, bisect, collections, copy, csv, datetime, decimal, difflib, "
    "fractions, functools, hashlib, heapq, html, io, itertools, json, math, pickle, re, "
    "statistics, struct, textwrap, urllib.parse, warnings, zlib\n"
    "warnings.simplefilter('ignore')\n"
)
"""At the head of every program; warnings differ between versions of Python."""

_CAUGHT = """try:
{body}
except BaseException as error:
    print('!', type(error).__name__, error)
"""


def blocks(random: Random, most: int = 4) -> list[str]:
    """The blocks of a program."""
    expressions = Expressions(random)
    count = random.randint(1, most)
    return [BLOCKS[random.randrange(len(BLOCKS))](expressions).strip() for _ in range(count)]


def assembled(parts: Sequence[str], end: str = "") -> str:
    """The program of these blocks; all but the last one are caught."""
    body = "".join(_CAUGHT.format(body=_indented(part)) for part in parts)
    return IMPORTS + body + end


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))
