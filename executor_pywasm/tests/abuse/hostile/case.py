"""One hostile program, and what may become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OK, EXCEPTION, EXIT, TIMEOUT = "OK", "EXCEPTION", "EXIT", "TIMEOUT"
MEMORY, OUTPUT, CRASH = "MEMORY_LIMIT", "OUTPUT_LIMIT", "CRASH"
CALLS = "CALL_LIMIT"

NOTHING: Any = object()

_BOUND_TO_BE_STOPPED_MS = 400
_MAY_BE_STOPPED_MS = 700
_ENDS_BY_ITSELF_MS = 6_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A program that is up to no good."""

    group: str
    name: str
    code: str
    outcomes: Sequence[str]
    """Those that are right."""
    says: str = ""
    """What its failure tells, among other things."""
    result: Any = NOTHING
    streams: bool = False
    """Whether its caller listens while it runs."""
    capabilities: Sequence[str] = ()
    """What its request asks for."""
    prints: bool = True
    """Whether what it printed before is certain to be kept."""

    @property
    def run_time_ms(self) -> int:
        """How long it may run: short where it is sure to use it up, long where it should not."""
        if TIMEOUT not in self.outcomes:
            return _ENDS_BY_ITSELF_MS
        return _MAY_BE_STOPPED_MS if len(self.outcomes) > 1 else _BOUND_TO_BE_STOPPED_MS


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A case as its group's table has it."""

    name: str
    code: str
    outcomes: Sequence[str]
    options: dict[str, Any]

    def of(self, group: str) -> Case:
        """The case."""
        return Case(
            group=group, name=self.name, code=self.code, outcomes=self.outcomes, **self.options
        )


def case(name: str, code: str, *outcomes: str, **options: Any) -> Draft:
    """A row of a group's table."""
    return Draft(name=name, code=code, outcomes=outcomes, options=options)
