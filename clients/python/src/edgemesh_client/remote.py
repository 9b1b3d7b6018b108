"""A function that runs in the sandbox: `AsyncRemote`, for callers without an event loop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from edgemesh_client.async_remote import AsyncRemote
from edgemesh_client.job import Job
from edgemesh_client.portal import Portal


class Remote:
    """A shipped function. Called, it returns what the function returns, from the sandbox."""

    def __init__(self, portal: Portal, remote: AsyncRemote) -> None:
        self._portal, self._async = portal, remote
        functools.update_wrapper(self, remote.local)

    def __repr__(self) -> str:
        return f"<Remote {self.local.__qualname__}>"

    @property
    def local(self) -> Callable[..., Any]:
        """The function itself, to be called here."""
        return self._async.local

    @property
    def code(self) -> str:
        """The program that is sent."""
        return self._async.code

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it in the sandbox. Raises AlgorithmFailed with the remote traceback."""
        return self._portal.run(self._async(*args, **kwargs))

    def map(
        self, items: Iterable[Any], *, check: bool = True, concurrency: int = 0, **kwargs: Any
    ) -> list[Any]:
        """What it returns for each item, in their order, spread over the executor's workers.

        Raises AlgorithmFailed, which names the item, for the first that failed; without `check`
        each is a Result, whose `value` is what it returned.
        """
        return self._portal.run(
            self._async.map(items, check=check, concurrency=concurrency, **kwargs)
        )

    def submit(self, /, *args: Any, **kwargs: Any) -> Job:
        """The call as a job."""
        return Job(self._portal, self._portal.run(self._async.submit(*args, **kwargs)))
