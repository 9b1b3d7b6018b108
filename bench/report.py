"""What a part of the bench tells: lines of a table against their goals, and JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.brief import unless_brief

OUT = Path(__file__).parent / unless_brief("out", "out/brief")


@dataclass(frozen=True)
class Line:
    """One figure."""

    what: str
    value: float
    unit: str
    goal: str = ""
    """As a person reads it, e.g. `<= 2.0`; empty: none."""
    met: bool | None = None
    missing: str = ""
    """Why there is no figure."""

    @classmethod
    def most(cls, what: str, value: float, unit: str, goal: float) -> Line:
        """A figure that should not be above its goal."""
        return cls(what, value, unit, f"<= {goal:g}", value <= goal)

    @classmethod
    def least(cls, what: str, value: float, unit: str, goal: float) -> Line:
        """A figure that should not be below its goal."""
        return cls(what, value, unit, f">= {goal:g}", value >= goal)

    @classmethod
    def none(cls, what: str, reason: str) -> Line:
        """A figure that could not be had."""
        return cls(what, 0.0, "", missing=reason)


def table(title: str, lines: Sequence[Line]) -> str:
    """The lines under a title, aligned."""
    width = max(len(line.what) for line in lines)
    shown = [title]
    for line in lines:
        verdict = "" if line.met is None else "  met" if line.met else "  NOT MET"
        goal = f"goal {line.goal}" if line.goal else ""
        figure = (
            f"         - {line.missing}" if line.missing else f"{line.value:>10.4g} {line.unit:<6}"
        )
        shown.append(f"  {line.what:<{width}}  {figure} {goal:<12}{verdict}".rstrip())
    return "\n".join(shown)


def save(part: str, lines: Sequence[Line], **more: object) -> None:
    """Write bench/out/<part>.json."""
    OUT.mkdir(parents=True, exist_ok=True)
    content = {"lines": [asdict(line) for line in lines], **more}
    (OUT / f"{part}.json").write_text(json.dumps(content, indent=1) + "\n")
