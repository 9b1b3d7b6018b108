"""Many sandboxes side by side, by name: each a session of its own.

    async with SandboxManager() as manager:
        await manager.create_sandbox("one", limits=Limits(run_time_ms=1000))
        done = await manager.execute("one", b"x = 1")
        done = await manager.execute("one", b"print(x + 1)")
        assert (done.success, done.output) == (True, "2\\n")

Rules: programs of one sandbox run one after another, those of several side by side, at most
`at_once` of them. What fails is told in the result; what is raised is the embedder's mistake.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgemesh_sandbox.errors import InputError, SessionError
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.result import Result
from edgemesh_sandbox.sandbox import DEFAULT_LIMITS, Sandbox
from edgemesh_sandbox.session import Session
from edgemesh_sandbox.stack import deep_threads


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of one program."""

    success: bool
    """Whether its outcome is OK."""
    output: str
    """What it printed."""
    error: str
    """What went wrong, in words, with the program's own traceback; empty if nothing did."""
    time_s: float
    """Wall-clock time in the sandbox."""
    memory_bytes: int
    """What the sandbox has added to the image's memory by now."""
    fuel: int
    """Fuel used, where it was counted."""
    result: Result
    """All of it."""


class SandboxManager:
    """Sandboxes by name; its methods belong to one event loop."""

    def __init__(self, images: Path | None = None, *, at_once: int = 4) -> None:
        """Load the images, as `Sandbox` does; raises what it raises."""
        self._sandbox = Sandbox(images, spare=False)
        self._threads = deep_threads(at_once, "sandboxes")
        self._sessions: dict[str, Session] = {}

    @property
    def names(self) -> list[str]:
        """Those that there are."""
        return list(self._sessions)

    async def create_sandbox(
        self, name: str, *, limits: Limits = DEFAULT_LIMITS, deterministic: bool = False
    ) -> Session:
        """Make one. `limits`: those of each program; its memory is the sandbox's in all.

        Raises `SessionError` if there is one of that name.
        """
        if name in self._sessions:
            raise SessionError(f"there is a sandbox {name!r} already")
        make = partial(self._sandbox.session, deterministic=deterministic, limits=limits)
        session = await self._on_thread(make)
        if name in self._sessions:  # meanwhile
            session.close()
            raise SessionError(f"there is a sandbox {name!r} already")
        self._sessions[name] = session
        return session

    async def execute(
        self, name: str, code: bytes | str, inputs: Mapping[str, Any] | None = None
    ) -> Execution:
        """Run a program in one, after those before it. Leaving stops it.

        Raises `SessionError` if there is none of that name, `InputError` for code that is no UTF-8
        and inputs that cannot cross.
        """
        session = self._sessions.get(name)
        if session is None:
            raise SessionError(f"there is no sandbox {name!r}")
        try:
            text = code if isinstance(code, str) else code.decode()
        except UnicodeDecodeError as error:
            raise InputError("code", f"UTF-8: {error.reason}") from None
        stop = threading.Event()
        running = asyncio.ensure_future(
            self._on_thread(partial(session.run, text, inputs, cancelled=stop))
        )
        try:
            return _execution(await asyncio.shield(running))
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(Exception):
                await running
            raise

    async def close_sandbox(self, name: str) -> None:
        """Close one; what it has is gone."""
        session = self._sessions.pop(name, None)
        if session is not None:
            await self._on_thread(session.close)

    async def close_all(self) -> None:
        """Close all of them, when their programs have ended."""
        for name in self.names:
            await self.close_sandbox(name)

    async def close(self) -> None:
        """Close all, and free everything."""
        await self.close_all()
        await asyncio.to_thread(self._threads.shutdown)
        self._sandbox.close()

    async def __aenter__(self) -> SandboxManager:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _on_thread(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _execution(result: Result) -> Execution:
    failure, error = result.failure, ""
    if failure is not None:
        error = failure.traceback or f"{failure.type}: {failure.message}"
    return Execution(
        result.ok,
        result.stdout,
        error,
        result.run_s,
        result.peak_memory_bytes,
        result.fuel,
        result,
    )
