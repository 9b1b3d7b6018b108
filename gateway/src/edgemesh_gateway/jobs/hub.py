"""Who waits for news of a job, in this gateway.

Rules: a hint only: what is so is in the database, where another gateway's doings are seen
by looking again every POLL_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

POLL_S = 0.5


class Hub:
    """Waiters by job."""

    def __init__(self) -> None:
        self.stopping = False
        """The gateway stops: nobody waits any more."""
        self.followed: Callable[[], None] = lambda: None
        """Called when a job has ended that something follows: a webhook is owed."""
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def notify(self, job: str) -> None:
        """Something happened to it."""
        for event in self._waiting.get(job, ()):
            event.set()

    def stop(self) -> None:
        """Let everybody go."""
        self.stopping = True
        for job in self._waiting:
            self.notify(job)

    def watch(self, job: str) -> Watch:
        """Listen from now on; a context manager."""
        return Watch(self._waiting, job)


class Watch:
    """One that listens."""

    def __init__(self, waiting: dict[str, set[asyncio.Event]], job: str) -> None:
        self._waiting, self._job = waiting, job
        self._event = asyncio.Event()

    def __enter__(self) -> Watch:
        self._waiting.setdefault(self._job, set()).add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        others = self._waiting[self._job]
        others.discard(self._event)
        if not others:
            del self._waiting[self._job]

    async def news(self, within_s: float = POLL_S) -> None:
        """Return at the next news, or when it is time to look again."""
        try:
            async with asyncio.timeout(within_s):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
