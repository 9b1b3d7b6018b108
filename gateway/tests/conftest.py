"""Everything that a whole gateway does is tested on both of its data paths.

With `--kept postgresql` what is kept is kept there, and the data path is the native one alone:
which of them asks the database makes no difference to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fake_executor import FakeExecutor
from house import DATABASE, DATAPATH, House, house, http
from postgres import Server, programs

WHOLE = ("test_dispatch", "test_replicas", "test_service")
"""Modules whose tests start gateways over executors of their own."""
OVER_PYTHON = (
    *("test_rest_python", "test_rest_schema", "test_rest_jobs", "test_webhooks"),
    *("test_schedules", "test_chains"),
)
"""Those of what never meets a data path: REST comes to the same handlers beside it."""
WAYS = ("native", "python")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where gateways keep what they keep."""
    parser.addoption("--kept", choices=("sqlite", "postgresql"), default="sqlite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a whole gateway once for each way, and of the store for each database."""
    on_sqlite = metafunc.config.getoption("--kept") == "sqlite"
    if "url" in metafunc.fixturenames:
        databases = ("sqlite", "postgres") if on_sqlite else ("postgres",)
        metafunc.parametrize("url", databases, indirect=True)
    module = metafunc.definition.path.stem
    once = module == "test_datapath" or module in OVER_PYTHON
    if module in WHOLE or ("fake" in metafunc.fixturenames and not once):
        metafunc.parametrize("datapath", WAYS if on_sqlite else WAYS[:1], indirect=True)


@pytest.fixture(autouse=True)
def datapath(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The data path of the gateways that this test starts."""
    way = str(getattr(request, "param", WAYS[0]))
    monkeypatch.setenv(DATAPATH, way)
    return way


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL of all tests, started for the first that wants it."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    running = Server()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of the gateways that this test starts: empty, and its own."""
    if request.config.getoption("--kept") == "sqlite":
        return f"sqlite:///{tmp_path}/kept/gateway.db"
    server: Server = request.getfixturevalue("server")
    url = server.fresh()
    monkeypatch.setenv(DATABASE, url)
    return url


@pytest.fixture
async def fake() -> AsyncIterator[FakeExecutor]:
    """An executor with two slots."""
    executor = await FakeExecutor().start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(fake: FakeExecutor, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A gateway over it, with REST for tests of that: to make it takes longer than all else."""
    rest = "web" in request.fixturenames or request.path.name.startswith("test_rest")
    async with house(
        {"fake": fake.port}, max_request_bytes=1 << 20, queue=4, rest_port=0 if rest else None
    ) as running:
        yield running


@pytest.fixture
async def web(gate: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway's REST."""
    async with http(gate.mesh) as client:
        yield client
