"""What a person sees: one line per step with its time, in colour on a terminal only."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90}


def duration(seconds: float) -> str:
    """Short for a person: `0.4 s`, `12 s`, `4 min 02 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _stdout() -> TextIO:
    return sys.stdout


@dataclass(slots=True)
class Console:
    """Prints whole lines, flushed, so that lines of concurrent steps never mix."""

    out: TextIO = field(default_factory=_stdout)
    began: float = field(default_factory=time.monotonic)

    @property
    def colour(self) -> bool:
        """Whether lines may carry colours: a terminal, and NO_COLOR unset."""
        return self.out.isatty() and "NO_COLOR" not in os.environ

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where colours are shown."""
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self.colour else text

    def line(self, text: str = "") -> None:
        """Print one line; a reader that has gone is no reason to stop."""
        try:
            self.out.write(text + "\n")
            self.out.flush()
        except BrokenPipeError:
            self.out = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process

    def started(self, label: str) -> None:
        """A step that has work to do begins."""
        self.line(f"{self.paint('...', 'grey')} {label}")

    def beat(self, label: str, seconds: float, last: str) -> None:
        """A long step is still at it; `last` is the last line it wrote."""
        self.line(
            f"{self.paint('...', 'grey')} {label}  {duration(seconds)}"
            f"  {self.paint(last[:100], 'grey')}".rstrip()
        )

    def done(self, label: str, seconds: float) -> None:
        """A step is complete."""
        self.line(f"{self.paint('ok ', 'green')} {label}  {duration(seconds)}")

    def failed(self, label: str, seconds: float) -> None:
        """A step failed; the reason follows elsewhere."""
        self.line(f"{self.paint('FAILED', 'red')} {label}  {duration(seconds)}")
