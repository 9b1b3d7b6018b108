"""Fixtures of the pool's tests."""

from collections.abc import AsyncIterator

import pytest
from pools import Bench, running


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A pool of one worker."""
    async with running() as bench:
        yield bench
