"""The sandbox for programs that run on asyncio.

    async with AsyncSandbox() as sandbox:
        result = await sandbox.run("output = 6 * 7")

Rules: programs run on threads of their own; the loop is never held up. Cancelling the task that
waits for a run stops the run, and it has stopped when `CancelledError` comes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edgemesh_sandbox.call import Call
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.output import OnOutput, StreamName
from edgemesh_sandbox.result import Result
from edgemesh_sandbox.sandbox import DEFAULT_LIMITS, Sandbox
from edgemesh_sandbox.stack import deep_threads
from edgemesh_sandbox.tools import Function, Tools


class AsyncSandbox:
    """A source of fresh Pythons, `at_once` of them at a time; further runs wait.

    More threads do not make more programs a second, but let short ones run beside long ones.
    """

    def __init__(self, images: Path | None = None, *, at_once: int = 4) -> None:
        """Load the images, as `Sandbox` does; raises what it raises."""
        self._sandbox = Sandbox(images)
        self._threads = deep_threads(at_once, "sandbox")

    async def run(
        self,
        code: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        stdin: str = "",
        call: Call | None = None,
        tools: Mapping[str, Function] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        on_output: OnOutput | None = None,
    ) -> Result:
        """Run a program: see `Sandbox.run`. `on_output` is called on the loop, async tools too."""
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def tell(stream: StreamName, text: str) -> None:
            if on_output is not None:
                loop.call_soon_threadsafe(on_output, stream, text)

        work = partial(
            self._sandbox.run,
            code,
            inputs,
            stdin=stdin,
            call=call,
            tools=Tools(tools, loop) if tools else None,
            limits=limits,
            cancelled=stop,
            on_output=tell if on_output is not None else None,
        )
        running = loop.run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(Exception):
                await running
            raise

    async def close(self) -> None:
        """Free everything, when the runs that are going on have ended."""
        await asyncio.to_thread(self._threads.shutdown)
        self._sandbox.close()

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
