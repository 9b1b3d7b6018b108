"""A process that is thrown away: for a first look at what may crash, hang, or take all memory.

Rules: it reports on a pipe of its own, a line of JSON at a time, and what it does not say is judged
from how it ended; what it may have started ends with it. It gets the environment that it is given
and nothing else. A line `{"stage": …}` says what it is about to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_MOST_REPORT = 16 << 20
_SAMPLE_S = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Report:
    """What it told, and how it ended."""

    lines: Sequence[Mapping[str, Any]]
    code: int
    """Its exit status; negative: the signal that ended it."""
    timeout_s: float
    late: bool
    """Whether it was ended for taking too long."""
    large: bool
    """Whether it was ended for taking too much memory."""

    @property
    def last(self) -> Mapping[str, Any]:
        """Its last word; empty where there is none."""
        return self.lines[-1] if self.lines else {}

    @property
    def passing(self) -> bool:
        """Whether the machine may have been at fault: too slow now, or out of memory."""
        return self.late or (self.code == -signal.SIGKILL and not self.large)

    @property
    def why(self) -> str:
        """Why it has not told a finding, for people."""
        when = str(self.last.get("stage", "as it was loaded"))
        if self.late:
            return f"it hung {when}: no answer within {self.timeout_s:g} s"
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"it crashed {when}: {signal.Signals(-self.code).name}"
        return f"it ended its process {when}, with status {self.code}"


async def run(
    module: str,
    arguments: Sequence[str],
    env: Mapping[str, str],
    timeout_s: float,
    most_bytes: int = 0,
) -> Report:
    """`python -m module *arguments DESCRIPTOR`; `most_bytes`: of memory, 0: as much as there is."""
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments, str(writing)),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=[writing],
            start_new_session=True,  # what it may have started ends with it
        )
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        report = asyncio.create_task(asyncio.to_thread(pipe.read, _MOST_REPORT))
        late = large = False
        try:
            async with asyncio.timeout(timeout_s):
                large = await _outgrown(process, most_bytes)
        except TimeoutError:
            late = True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = await process.wait()
            said = await report
    return Report(_lines(said), code, timeout_s, late, large)


async def _outgrown(process: asyncio.subprocess.Process, most_bytes: int) -> bool:
    """Wait for its end, or until it holds more than it may."""
    if not most_bytes:
        await process.wait()
        return False
    ending = asyncio.ensure_future(process.wait())
    try:
        while not ending.done():
            await asyncio.wait((ending,), timeout=_SAMPLE_S)
            if _resident(process.pid) > most_bytes:
                return True
        return False
    finally:
        ending.cancel()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _lines(said: bytes) -> list[dict[str, Any]]:
    """What the process has told, as far as it makes sense."""
    told: list[dict[str, Any]] = []
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                told.append(cast("dict[str, Any]", value))
    return told
