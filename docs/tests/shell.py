"""A terminal that goes on from block to block: variables, folders and what runs behind stay.

Rules: a block ends at its first command that fails, and that fails the block. All that it has
started ends with the terminal.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 540.0


class Failed(Exception):
    """A command of a block ended with another status than 0, or not at all."""

    def __init__(self, why: str, printed: str, said: str) -> None:
        self.why, self.printed, self.said = why, printed, said
        super().__init__(f"{why}\n--- stdout\n{printed}\n--- stderr\n{said}")


class Shell:
    """One bash."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._ended, ended = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(ended,),
            start_new_session=True,
        )
        self._tells = ended
        self._said("set -euo pipefail")

    def run(self, block: str) -> str:
        """Run a block; gives what it has printed. Raises Failed."""
        if self._process.poll() is not None:
            raise Failed("a block before this one has ended the shell", "", "")
        script, out, err = (self._folder / f".block.{name}" for name in ("sh", "out", "err"))
        script.write_text(block)
        # What runs on behind has its own descriptors: the pipe tells of this block alone.
        self._said(f". {script} >{out} 2>{err} </dev/null; echo done >&{self._tells}")
        why = self._outcome()
        printed, said = out.read_text(errors="replace"), err.read_text(errors="replace")
        if why:
            raise Failed(why, printed, said)
        return printed

    def close(self) -> None:
        """End it, and what it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        for descriptor in (self._ended, self._tells):
            os.close(descriptor)

    def _said(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def _outcome(self) -> str:
        """Why the block failed; empty: it did not."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if select.select([self._ended], [], [], 0.1)[0]:
                os.read(self._ended, 64)
                return ""
            status = self._process.poll()
            if status is not None:
                return f"a command ended with {status}"
        return f"it has not ended within {PATIENCE_S:.0f} s"
