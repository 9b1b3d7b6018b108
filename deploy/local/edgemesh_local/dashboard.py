"""`make dashboard`: the dashboard in the foreground, beside a mesh that `make up` runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal

from edgemesh_local.environments import dashboard_environment, interpreter
from edgemesh_local.session import Session

_PREFIX = "EDGEMESH_DASHBOARD_"


async def dashboard(session: Session) -> int:
    """Build it, and run it until told to stop; returns its exit code."""
    layout = session.layout
    await session.build(others=[dashboard_environment(layout)])
    env = dict(os.environ)
    gateway, *_ = (each for each in session.services if each.is_gateway)
    executors = {
        each.name: f"127.0.0.1:{each.metrics_port}"
        for each in session.services
        if not each.is_gateway
    }
    env.setdefault(f"{_PREFIX}GATEWAY", f"127.0.0.1:{gateway.port}")
    env.setdefault(f"{_PREFIX}GATEWAY_METRICS", f"127.0.0.1:{gateway.metrics_port}")
    env.setdefault(f"{_PREFIX}EXECUTOR_METRICS", json.dumps(executors))
    python = str(interpreter(layout.root / "dashboard"))
    process = await asyncio.create_subprocess_exec(python, "-m", "edgemesh_dashboard", env=env)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, process.terminate)
    return await process.wait()
