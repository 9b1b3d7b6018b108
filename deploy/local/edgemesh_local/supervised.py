"""One service's process: started, watched, started again when it dies.

    stopped ──start──► starting ──serving line──► serving
                          ▲                          │ dies
                          └───── back-off ◄──────────┘   (also when it dies while starting,
                                                          unless it has never served)

A service says that it serves by one line of JSON on stdout:
`{"event": "serving", "service": …, "address": …, "metrics": …, "pid": …}`. Ports it was given once
it keeps. Its stderr is its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from edgemesh_local import child

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
STABLE_S = 10.0
"""A service that served this long starts with the shortest pause again."""
GRACE_S = 35.0
"""How long a stopping service may finish what runs: its own default is 30 s."""
_LINE_LIMIT = 1 << 20
_LAST_LINES_S = 1.0
_NOT_STARTED = 127


class StartFailed(Exception):
    """A service ended, or said nothing, before it ever served."""

    def __init__(self, service: str, reason: str) -> None:
        self.service, self.reason = service, reason
        super().__init__(f"{service} did not start: {reason}")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a service said when it began to serve."""

    address: str
    metrics: str
    pid: int
    http: str = ""
    """Where it serves HTTP; empty: nowhere."""


def parse_serving(line: str) -> Serving | None:
    """The serving line's content, or None if this is another line."""
    try:
        said = cast("dict[str, Any]", json.loads(line))
        if said["event"] != "serving":
            return None
        return Serving(
            str(said["address"]),
            str(said.get("metrics", "")),
            int(said["pid"]),
            str(said.get("http", "")),
        )
    except (ValueError, TypeError, KeyError):
        return None


class Supervised:
    """A service under supervision; all methods belong to one event loop.

    `command` starts it and `env` is its whole environment; on a restart `keep` turns what it said
    into variables that keep its ports. `show` gets each line it writes, `tell` each event.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        keep: Callable[[Serving], Mapping[str, str]] = lambda _: {},
        show: Callable[[str, str], None] = lambda _name, _line: None,
        tell: Callable[[str, str], None] = lambda _name, _event: None,
        restart: bool = True,
    ) -> None:
        self.name, self._command, self._env = name, list(command), dict(env)
        self._keep, self._show, self._tell, self._restart = keep, show, tell, restart
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._grace = GRACE_S
        self._serving: Serving | None = None
        self._last: Serving | None = None
        self._changed = asyncio.Condition()
        self._failure: StartFailed | None = None
        self._starts = 0

    @property
    def serving(self) -> Serving | None:
        """What it said, while it serves."""
        return self._serving

    @property
    def last(self) -> Serving | None:
        """What it said last, whether it serves or not."""
        return self._last

    @property
    def starts(self) -> int:
        """How often a process was started."""
        return self._starts

    @property
    def env(self) -> dict[str, str]:
        """The variables its next process starts with; may be changed until then."""
        return self._env

    def start(self) -> None:
        """Begin to start it, unless it is started; `wait_serving` tells when it serves."""
        if self._task is None or self._task.done():
            self._failure = None
            self._stopping.clear()
            self._task = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")

    async def wait_serving(self, timeout: float, not_pid: int | None = None) -> Serving:
        """Wait until it serves, as another process than `not_pid`.

        Raises StartFailed when it ended before it ever served, or after `timeout` seconds.
        """

        def there() -> bool:
            serving = self._serving
            return self._failure is not None or (serving is not None and serving.pid != not_pid)

        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(there)
        except TimeoutError:
            raise StartFailed(self.name, f"it does not serve after {timeout:g} s") from None
        if self._failure is not None:
            raise self._failure
        assert self._serving is not None
        return self._serving

    def signal(self, number: signal.Signals) -> None:
        """Signal its front process only. Raises ProcessLookupError if there is none."""
        if self._process is None or self._process.returncode is not None:
            raise ProcessLookupError(self.name)
        self._process.send_signal(number)

    async def stop(self, grace: float = GRACE_S) -> None:
        """SIGTERM, after `grace` seconds SIGKILL to all its processes; returns when it is gone."""
        if self._task is not None:
            self._grace = grace
            self._stopping.set()
            await self._task
            self._task = None

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE_S
        ever_served = False
        while True:
            began = time.monotonic()
            code = await self._run_once()
            served = self._serving is not None
            ever_served = ever_served or served
            await self._set(None)
            if self._stopping.is_set():
                self._tell(self.name, "stopped" + (_how(code) if code else ""))
                return
            if not ever_served or not self._restart:
                await self._fail(StartFailed(self.name, f"it ended{_how(code)}"))
                return
            if served and time.monotonic() - began >= STABLE_S:
                pause = FIRST_PAUSE_S
            self._tell(self.name, f"ended{_how(code)}; starting again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _run_once(self) -> int:
        """Start a process and follow it to its end; returns its exit code."""
        self._starts += 1
        async with child.Pipe.open(_LINE_LIMIT) as out, child.Pipe.open(_LINE_LIMIT) as log:
            try:
                process = await child.spawn(
                    *self._command, env=self._env, stdout=out.writer, stderr=log.writer
                )
            except OSError as error:
                self._show(self.name, str(error))
                return _NOT_STARTED
            self._process = process
            readers = [
                asyncio.create_task(self._read(out.child_has_it(), out=True)),
                asyncio.create_task(self._read(log.child_has_it(), out=False)),
            ]
            ended = asyncio.create_task(process.wait())
            stopped = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
                code = await child.end(process, self._grace)  # with what its death left behind
                # A process that left the group may still hold the pipes open.
                await asyncio.wait(readers, timeout=_LAST_LINES_S)
            finally:
                child.signal_group(process, signal.SIGKILL)
                for task in (*readers, ended, stopped):
                    task.cancel()
        return code

    async def _read(self, stream: asyncio.StreamReader, *, out: bool) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: it was dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip("\n")
            serving = parse_serving(text) if out else None
            if serving is None:
                self._show(self.name, text)
            else:
                self._env.update(self._keep(serving))
                await self._set(serving)
                self._tell(self.name, "serving")

    async def _set(self, serving: Serving | None) -> None:
        async with self._changed:
            self._serving = serving
            self._last = serving or self._last
            self._changed.notify_all()

    async def _fail(self, failure: StartFailed) -> None:
        self._tell(self.name, failure.reason)
        async with self._changed:
            self._failure = failure
            self._changed.notify_all()


def _how(code: int) -> str:
    if code >= 0:
        return f" with code {code}"
    try:
        return f" by {signal.Signals(-code).name}"
    except ValueError:
        return f" by signal {-code}"
