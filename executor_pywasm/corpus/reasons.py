"""Why tests fail that are known to: `reasons.toml` and `older.txt`, read.

Rules: a row of `reasons.toml` says which tests (by patterns as of `fnmatch`), of which kind, and
why; it may ask for words of the failure too, so that another failure of the same test is a
finding. A failure that neither file explains makes `make corpus` fail.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Any

from corpus.record import Test

KINDS = {
    "older": "the test expects a Python older than the guest's",
    "system": "it needs threads, sockets, processes, signals or real files",
    "bits": "the guest has 32 bits",
    "harness": "it needs more of the test suite than is given to the guest",
    "upstream": "the guest's packages differ so natively too",
    "sandbox": "a divergence of the sandbox; see LIMITATIONS.md",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a test failed."""

    kind: str
    why: str


_OLDER = Verdict("older", "later Pythons word it otherwise, do otherwise, or have it no more")


class BadReasons(Exception):
    """A row of the file makes no sense."""


class Reasons:
    """The rows of `reasons.toml`, or of another file like it."""

    def __init__(self, path: Path | None = None) -> None:
        path = path or Path(__file__).with_name("reasons.toml")
        rows: list[dict[str, Any]] = tomllib.loads(path.read_text()).get("reason", [])
        self._rows = [_Row(row) for row in rows]
        older = path.with_name("older.txt").read_text(encoding="utf-8").splitlines()
        self._older = frozenset(line for line in older if not line.startswith("#"))

    def verdict(self, test: Test) -> Verdict | None:
        """The first row that explains the failure."""
        for row in self._rows:
            if row.explains(test):
                return row.verdict
        return _OLDER if test.id in self._older else None


class _Row:
    def __init__(self, row: dict[str, Any]) -> None:
        unknown = row.keys() - {"kind", "why", "tests", "says"}
        if unknown or row.get("kind") not in KINDS or not row.get("why"):
            raise BadReasons(f"a kind of {', '.join(KINDS)}, why, tests and says, not {row}")
        self.verdict = Verdict(row["kind"], row["why"])
        self._tests = re.compile("|".join(translate(p) for p in row.get("tests", ["*"])))
        self._says = re.compile(row.get("says", ""), re.DOTALL)

    def explains(self, test: Test) -> bool:
        return bool(self._tests.match(test.id) and self._says.search(test.text))
