"""What a step tells, and the table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from client import Answer

HEADS = ("step", "what came back", "time", "executor", "worker", "outcome", "stages (ms)")
WIDEST = 50


@dataclass(frozen=True)
class Row:
    """One request and what it brought."""

    step: str
    said: str
    answer: Answer

    def cells(self) -> tuple[str, ...]:
        """The cells of the table."""
        usage = self.answer.response.usage
        said = self.said if len(self.said) <= WIDEST else self.said[: WIDEST - 1] + "…"
        return (
            self.step,
            said,
            f"{self.answer.seconds * 1e3:.0f} ms",
            f"{usage.executor} {usage.executor_pid}",
            str(usage.worker_pid),
            self.answer.outcome,
            ", ".join(f"{stage.name} {stage.us / 1e3:.1f}" for stage in usage.stages),
        )


def table(rows: Sequence[Row]) -> str:
    """All rows under their heads, in aligned columns."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    lines.insert(1, tuple("─" * width for width in widths))
    right = {HEADS.index("time"), HEADS.index("worker")}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
