"""Work that ends when its caller leaves.

Rules: once the body is read, all that a connection can still say is that it is gone; whoever waits
for work listens for that beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from mesh_service import errors

Result = TypeVar("Result")


async def while_there(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives; it is cancelled, and Cancelled raised, when the caller leaves."""
    return await until_gone(request.receive, work)


async def until_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """The same by a connection's `receive`."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise errors.Cancelled
        return await working
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})
        for task in (working, leaving):
            if not task.cancelled():
                task.exception()  # Raised already, or of no interest to one who left.


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
