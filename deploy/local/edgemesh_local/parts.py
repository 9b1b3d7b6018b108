"""Runs the parts of a test or a lint, all of them, and sums up at the end.

Rules: most parts wait for their own processes more than they compute, so several run side by side;
what one prints is then shown in one piece when it ends. A part that is `last` begins when all
others have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemesh_local import command
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console, duration
from edgemesh_local.system import MissingPackages
from edgemesh_local.together import together
from edgemesh_local.toolchain import MissingTool

PART_BEAT_S = 60.0
"""Between two signs of life of a part."""


class Skipped(Exception):
    """A part cannot run on this machine and need not; the text says why."""


class PartFailed(Exception):
    """A part found something; the text says what."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its work prints what it has to say itself."""

    name: str
    work: Callable[[], Awaitable[None]]
    """Raises CommandFailed, PartFailed, MissingPackages, MissingTool or Skipped."""
    last: bool = False
    """Whether it needs what all others leave behind."""


async def run_parts(
    parts: Sequence[Part],
    console: Console,
    only: Sequence[str] = (),
    *,
    lanes: int = 1,
    folder: Path | None = None,
) -> int:
    """Run them (or those whose names begin with one of `only`); returns the exit code.

    `lanes`: how many run at once; `folder`: where what they print is kept until they end.
    """
    chosen = [part for part in parts if not only or part.name.startswith(tuple(only))]
    if folder is None or len(chosen) < 2:
        lanes = 1
    run = _Run(console, folder if lanes > 1 else None)
    for group in ([p for p in chosen if not p.last], [p for p in chosen if p.last]):
        await run.all_of(group, lanes)
    console.line()
    for part in chosen:
        console.line(run.lines[part.name].rstrip())
    if not chosen:
        console.line("no part has such a name: " + ", ".join(only))
    return int(run.failed or not chosen)


class _Run:
    """What has come of the parts so far."""

    def __init__(self, console: Console, folder: Path | None) -> None:
        self._console, self._folder = console, folder
        self.failed = False
        self.lines: dict[str, str] = {}

    async def all_of(self, parts: Sequence[Part], lanes: int) -> None:
        """Run them, in their order, so many at once."""
        left = iter(parts)
        await together(self._lane(left) for _ in range(lanes))

    async def _lane(self, left: Iterator[Part]) -> None:
        for part in left:
            await self._one(part)

    async def _one(self, part: Part) -> None:
        console = self._console
        began = time.monotonic()
        verdict, colour, note, tail = "passed", "green", "", ""
        with self._printing(part.name):
            try:
                await part.work()
            except Skipped as reason:
                verdict, colour, note = "skipped", "yellow", str(reason)
            except (CommandFailed, PartFailed, MissingPackages, MissingTool) as failure:
                verdict, colour, note = "FAILED", "red", str(failure)
                self.failed = True
                tail = failure.tail() if isinstance(failure, CommandFailed) else ""
        if tail:
            console.line(tail)
        took = duration(time.monotonic() - began)
        line = f"{console.paint(f'{verdict:<8}', colour)}{part.name:<28}{took:>12}  {note}"
        self.lines[part.name] = line

    @contextlib.contextmanager
    def _printing(self, name: str) -> Generator[None]:
        """Shows the part's title, and what it prints: at once, or behind it when it has ended."""
        title = f"\n{self._console.paint('==', 'cyan')} {name}"
        if self._folder is None:
            self._console.line(title)
            yield
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"part-{name.replace(' ', '-').replace('/', '-')}.log"
        log.write_bytes(b"")
        kept = command.output.set(log)
        beats = asyncio.create_task(self._beat(name, log))
        try:
            yield
        finally:
            beats.cancel()
            command.output.reset(kept)
            self._console.line(title)
            with log.open(errors="replace") as lines:
                for line in lines:
                    self._console.line(line.rstrip("\n"))

    async def _beat(self, name: str, log: Path) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PART_BEAT_S)
            self._console.beat(name, time.monotonic() - began, command.last_line(log))
