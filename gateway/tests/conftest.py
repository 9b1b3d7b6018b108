"""Everything that a whole gateway does is tested on both of its data paths."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_executor import FakeExecutor
from house import DATAPATH, House, house, http

WHOLE = ("test_dispatch", "test_service")
"""Modules whose tests start gateways over executors of their own."""
OVER_PYTHON = ("test_rest_python", "test_rest_schema")
"""Those of what never meets a data path: REST comes to the same handlers beside it."""
WAYS = ("native", "python")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a whole gateway, once for each way."""
    module = metafunc.definition.path.stem
    once = module == "test_datapath" or module in OVER_PYTHON
    if module in WHOLE or ("fake" in metafunc.fixturenames and not once):
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
    async with house(
        {"fake": fake.port}, max_request_bytes=1 << 20, queue=4, rest_port=0
    ) as running:
        yield running


@pytest.fixture
async def web(gate: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway's REST."""
    async with http(gate.mesh) as client:
        yield client
