"""What a test came to, and what a module of tests came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

PASSED, SKIPPED, FAILED, ERROR = "passed", "skipped", "failed", "error"
DIED = "died"
"""The interpreter ended in the midst of it: a crash, an exit, a limit."""
BAD = (FAILED, ERROR, DIED)


@dataclass(frozen=True, slots=True)
class Test:
    """One test's end."""

    __test__ = False  # for pytest, which takes it for a class of tests

    id: str
    kind: str
    """One of the five above."""
    text: str = ""
    """The end of the traceback, or why it was skipped."""
    seconds: float = 0.0


@dataclass(slots=True)
class Module:
    """One module's tests."""

    name: str
    tests: list[Test] = field(default_factory=list[Test])
    seconds: float = 0.0
    complete: bool = True
    """False when it was given up before its last test."""

    def count(self, kind: str) -> int:
        """How many of its tests ended so."""
        return Counter(test.kind for test in self.tests)[kind]

    @property
    def run(self) -> int:
        """How many were run: all but those skipped."""
        return len(self.tests) - self.count(SKIPPED)

    @property
    def bad(self) -> list[Test]:
        """Those that did not end well."""
        return [test for test in self.tests if test.kind in BAD]
