"""Starting one service by itself, to look at how it starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from edgemesh_local import service as services
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout
from edgemesh_local.step import substitute
from support import testing_plugins
from support.wait import BOUND_S

START_S = 60.0


@dataclass
class Launched:
    """A service's process and what it says."""

    process: asyncio.subprocess.Process
    serving: dict[str, Any] | None = None

    @property
    def address(self) -> str:
        """Where it serves."""
        assert self.serving is not None
        return str(self.serving["address"])

    @property
    def metrics(self) -> str:
        """Where its metrics are."""
        assert self.serving is not None
        return str(self.serving["metrics"])

    async def ended(self) -> int:
        """Wait for its end; gives its exit status."""
        return await asyncio.wait_for(self.process.wait(), BOUND_S)


async def spawn(name: str, settings: Mapping[str, str], **options: Any) -> Launched:
    """Start a service with `settings`, variables without their prefix; does not wait."""
    layout = Layout.here()
    known = services.all_services(layout.root)
    service, prefixes = known[name], tuple(each.env_prefix for each in known.values())
    env = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    env |= {key: substitute(value, service, layout) for key, value in service.env.items()}
    env |= {f"{service.env_prefix}{key}": "0" for key in ("PORT", "METRICS_PORT")}
    own = testing_plugins.settings(name) | dict(settings)
    env |= {f"{service.env_prefix}{key}": value for key, value in own.items()}
    env["EDGEMESH_CACHE"] = str(layout.cache)
    process = await asyncio.create_subprocess_exec(
        str(interpreter(service.folder)), "-m", service.module, env=env, **options
    )
    return Launched(process)


@asynccontextmanager
async def launched(name: str, **settings: str) -> AsyncGenerator[Launched]:
    """A service that serves; it is killed at the end if it has not ended by then."""
    started = await spawn(name, settings, stdout=asyncio.subprocess.PIPE)
    try:
        assert started.process.stdout is not None
        line = await asyncio.wait_for(started.process.stdout.readline(), START_S)
        assert line, f"{name} ended without serving: {await started.ended()}"
        started.serving = json.loads(line)
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.process.kill()
        await started.process.wait()


async def outcome_of(name: str, settings: Mapping[str, str]) -> tuple[int, str]:
    """Start a service that must not start: its exit status and what it wrote to stderr."""
    started = await spawn(
        name, settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await asyncio.wait_for(started.process.communicate(), BOUND_S)
    except TimeoutError:
        started.process.kill()
        raise AssertionError(f"{name} runs with {dict(settings)}") from None
    assert started.process.returncode is not None
    return started.process.returncode, said.decode()
