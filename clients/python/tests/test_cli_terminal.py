"""What is seen on a terminal only: the prompt of Python, and the status that goes on."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from terminal import environment


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process, screen: asyncio.StreamReader, end: int):
        self.process = process
        self._screen, self._end = screen, end
        self.seen = ""

    def type(self, text: str) -> None:
        """As if somebody typed it."""
        os.write(self._end, text.encode())

    async def until(self, text: str) -> None:
        """Wait until it is on the screen, after what was waited for before."""
        while text not in self.seen:
            more = await self._screen.read(4096)
            assert more, f"it ended without {text!r}: {self.seen}"
            self.seen += more.decode(errors="replace")
        self.seen = self.seen.partition(text)[2]


@asynccontextmanager
async def terminal(address: str, home: Path, *words: str) -> AsyncGenerator[Terminal]:
    ours, theirs = pty.openpty()
    env = environment(address) | {"HOME": str(home), "TERM": "xterm", "COLUMNS": "100"}
    env |= {"PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(home / "state")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "edgemesh_client", *words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        start_new_session=True,
    )
    os.close(theirs)
    screen = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    reading = os.fdopen(os.dup(ours), "rb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(screen), reading)
    try:
        yield Terminal(process, screen, ours)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


@pytest.mark.needs("pywasm")
async def test_the_prompt_takes_blocks_completes_and_remembers(
    address: str, tmp_path: Path
) -> None:
    async with terminal(address, tmp_path, "python", "repl") as shell:
        await shell.until(">>>")
        shell.type("for n in range(3):\r    print(n + 40)\r\r")
        await shell.until("42")
        await shell.until(">>>")
        shell.type("lighthouse = print('do' + 'ne') or 42\r")
        await shell.until("done")
        await shell.until(">>>")
        shell.type("lightho\t")
        await shell.until("use")
        shell.type(" + 1\r")
        await shell.until("43")
        await shell.until(">>>")
        shell.type("\x04")
        assert await shell.process.wait() == 0
    remembered = (tmp_path / "state" / "edgemesh" / "python_history").read_text()
    assert "+lighthouse = print(" in remembered


@pytest.mark.needs("pywasm")
async def test_ctrl_c_stops_what_runs_and_the_prompt_is_there_again(
    address: str, tmp_path: Path
) -> None:
    async with terminal(address, tmp_path, "python", "repl") as shell:
        await shell.until(">>>")
        shell.type("x = print('be' + 'gun', flush=True)\r")
        await shell.until("begun")
        await shell.until(">>>")
        shell.type("print('on' + 'wards', flush=True) or all(True for _ in iter(int, 1))\r")
        await shell.until("onwards")
        shell.process.send_signal(signal.SIGINT)
        await shell.until("KeyboardInterrupt")
        await shell.until(">>>")
        shell.type("x is None\r")
        await shell.until("True")
        await shell.until(">>>")
        shell.type("\x04")
        assert await shell.process.wait() == 0


@pytest.mark.needs("cpp")
async def test_the_status_goes_on_until_ctrl_c(address: str, tmp_path: Path) -> None:
    async with terminal(address, tmp_path, "status", "--every", "0.1") as shell:
        for _ in range(3):
            await shell.until(f"{address} serves")
        shell.process.send_signal(signal.SIGINT)
        assert await shell.process.wait() == 130
