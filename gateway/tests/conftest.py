"""Everything that a whole gateway does is tested on both of its data paths."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_executor import FakeExecutor
from house import DATAPATH, House, house

WHOLE = ("test_dispatch", "test_service")
"""Modules whose tests start gateways over executors of their own."""
WAYS = ("native", "python")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a whole gateway, once for each way."""
    module = metafunc.definition.path.stem
    if module in WHOLE or ("fake" in metafunc.fixturenames and module != "test_datapath"):
        metafunc.parametrize("datapath", WAYS, indirect=True)


@pytest.fixture(autouse=True)
def datapath(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The data path of the gateways that this test starts."""
    way = str(getattr(request, "param", WAYS[0]))
    monkeypatch.setenv(DATAPATH, way)
    return way


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
