"""Runs the parts of a test or a lint one after the other, all of them, and sums up at the end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console, duration


class Skipped(Exception):
    """A part cannot run on this machine and need not; the text says why."""


class PartFailed(Exception):
    """A part found something; the text says what."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its work prints what it has to say itself."""

    name: str
    work: Callable[[], Awaitable[None]]
    """Raises CommandFailed, PartFailed or Skipped."""


async def run_parts(parts: Sequence[Part], console: Console, only: Sequence[str] = ()) -> int:
    """Run them (or those whose names begin with one of `only`); returns the exit code."""
    chosen = [part for part in parts if not only or part.name.startswith(tuple(only))]
    lines: list[str] = []
    failed = not chosen
    for part in chosen:
        console.line(f"\n{console.paint('==', 'cyan')} {part.name}")
        began = time.monotonic()
        verdict, colour, note = "passed", "green", ""
        try:
            await part.work()
        except Skipped as reason:
            verdict, colour, note = "skipped", "yellow", str(reason)
        except (CommandFailed, PartFailed) as failure:
            verdict, colour, note = "FAILED", "red", str(failure)
            failed = True
            if isinstance(failure, CommandFailed):
                console.line(failure.tail())
        took = duration(time.monotonic() - began)
        lines.append(f"{console.paint(f'{verdict:<8}', colour)}{part.name:<28}{took:>12}  {note}")
    console.line()
    for line in lines or ["no part has such a name: " + ", ".join(only)]:
        console.line(line.rstrip())
    return int(failed)
