"""A gateway and a Python executor that a test kills and starts again, on the ports they had."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from support import launch, processes
from support.launch import Launched


class Killable:
    """Both, as processes of the test's own: a supervisor would wait longer after each kill."""

    def __init__(self, folder: Path) -> None:
        self._settings = {
            "pywasm": {"WORKERS": "2", "SPARES": "1"},
            "gateway": {"DATABASE": f"sqlite:///{folder}/gateway.db"},
        }
        self.running: dict[str, Launched] = {}

    async def start(self, name: str) -> None:
        """Start one; it serves then."""
        started = await launch.spawn(name, self._settings[name], stdout=-1)
        self.running[name] = started
        assert started.process.stdout is not None
        line = await started.process.stdout.readline()
        assert line, f"{name} ended without serving: {await started.ended()}"
        started.serving = json.loads(line)
        self._settings[name]["PORT"] = started.address.rpartition(":")[2]
        if name == "pywasm":
            self._settings["gateway"]["EXECUTORS"] = json.dumps({name: started.address})

    def kill(self, name: str) -> None:
        """kill -9 of a front; of `workers`, of all that the executor has."""
        if name != "workers":
            self.running[name].process.kill()
            return
        for pid in processes.children(self.running["pywasm"].process.pid):
            os.kill(pid, signal.SIGKILL)

    async def again(self, name: str) -> None:
        """Start what was killed."""
        if name != "workers":
            await self.running[name].ended()
            await self.start(name)

    async def close(self) -> None:
        """End both."""
        for started in self.running.values():
            if started.process.returncode is None:
                started.process.kill()
            await started.process.wait()


@asynccontextmanager
async def killable(folder: Path) -> AsyncGenerator[Killable]:
    """Both, serving."""
    both = Killable(folder)
    try:
        for name in ("pywasm", "gateway"):
            await both.start(name)
        yield both
    finally:
        await both.close()
