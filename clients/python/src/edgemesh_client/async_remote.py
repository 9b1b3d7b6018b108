"""A function that runs in the sandbox where it is called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from edgemesh_client.request import Limits, requirements
from edgemesh_client.result import Outcome, Result, of_item
from edgemesh_client.source import program

if TYPE_CHECKING:
    from edgemesh_client.async_client import AsyncClient
    from edgemesh_client.async_job import AsyncJob

MOST_ITEMS = 1000
"""Of one request: a tensor of each fits."""


class AsyncRemote:
    """A shipped function. Called, it returns what the function returns, from the sandbox."""

    def __init__(
        self,
        client: AsyncClient,
        function: Callable[..., Any],
        dependencies: Sequence[str],
        timeout: float | None,
        limits: Limits | None,
        capabilities: Sequence[str],
    ) -> None:
        self._client, self.local = client, function
        self.code = program(function)
        """The program that is sent."""
        self._dependencies, self._timeout = requirements(dependencies), timeout
        self._limits, self._capabilities = limits, capabilities
        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.local.__qualname__}>"

    async def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it in the sandbox. Raises AlgorithmFailed with the remote traceback."""
        said = await self._said() | {"args": list(args), "kwargs": kwargs}
        result = await self._client.compute(
            "python.call",
            parameters=said,
            timeout=self._timeout,
            limits=self._limits,
            capabilities=self._capabilities,
        )
        return result.value

    async def map(
        self, items: Iterable[Any], *, check: bool = True, concurrency: int = 0, **kwargs: Any
    ) -> list[Any]:
        """What it returns for each item, in their order, spread over the executor's workers.

        Raises AlgorithmFailed, which names the item, for the first that failed; without `check`
        each is a Result, whose `value` is what it returned.
        """
        said, waiting, found = await self._said() | {"kwargs": kwargs}, iter(items), list[Any]()
        if concurrency:
            said["concurrency"] = concurrency
        while some := list(islice(waiting, MOST_ITEMS)):
            whole = await self._client.compute(
                "python.map",
                parameters={**said, "items": some},
                timeout=self._timeout,
                limits=self._limits,
                capabilities=self._capabilities,
                check=False,
            )
            if not isinstance(whole.value, list):
                whole.check()
            results = [of_item(at, item, whole) for at, item in enumerate(whole.value)]
            if check and whole.outcome not in (Outcome.OK, Outcome.TIMEOUT):
                # What was not begun for it is told as late; what all ran into says more.
                for at, each in enumerate(results):
                    if each.outcome is not Outcome.TIMEOUT:
                        self._of(len(found) + at, each, check)
                whole.check()
            found += [self._of(len(found) + at, each, check) for at, each in enumerate(results)]
        return found

    def _of(self, number: int, result: Result, check: bool) -> Any:
        return result.check(f"item {number}: ").value if check else result

    async def submit(self, /, *args: Any, **kwargs: Any) -> AsyncJob:
        """The call as a job."""
        said = await self._said() | {"args": list(args), "kwargs": kwargs}
        return await self._client.submit(
            "python.call", parameters=said, limits=self._limits, capabilities=self._capabilities
        )

    async def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = {"code": self.code, "function": self.local.__name__}
        if self._dependencies:
            said["environment"] = (await self._client.environment_of(self._dependencies)).id
        return said
