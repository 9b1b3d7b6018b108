from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_executor import FakeExecutor
from house import House, house


@pytest.fixture
async def fake() -> AsyncIterator[FakeExecutor]:
    """An executor with two slots."""
    executor = await FakeExecutor().start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(fake: FakeExecutor) -> AsyncIterator[House]:
    """A gateway over it."""
    async with house({"fake": fake.port}, max_request_bytes=1 << 20, queue=4) as running:
        yield running
