"""One mesh for the whole session, started as `make up` starts it, on free ports.

What goes through the gateway is tested on both of its data paths: for those tests there is a second
mesh, whose gateway moves the bytes in Python. Where EDGEMESH_TESTS_AT names a gateway, its mesh
takes the place of both: see support.elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from support import elsewhere, metrics, rpc, testing_plugins
from support.subject import SUBJECTS, WORKERS, Subject
from support.wait import until

from edgemesh_local.mesh import Mesh

SPARES = 1
LOGS = Path(__file__).parent / "out"
WAYS = ("native", "python")
"""Data paths of the gateway."""


def chosen() -> tuple[str, ...]:
    """The executors under test: all, or those that EXECUTORS names."""
    named = os.environ.get("EXECUTORS", "")
    return tuple(name for name in named.split(",") if name) or tuple(SUBJECTS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs an executor that is not under test, or a mesh of our own."""
    if elsewhere.AT:
        left_out = [item for item in items if elsewhere.apart(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        for marker in item.iter_markers("needs"):
            if missing := set(marker.args) - set(chosen()):
                item.add_marker(pytest.mark.skip(reason=f"not under test: {', '.join(missing)}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Executors that are called past the gateway need no second mesh."""
    if "mesh" in metafunc.fixturenames:
        whole = metafunc.definition.nodeid.startswith("e2e/")
        ways = WAYS if whole and not elsewhere.AT else WAYS[:1]
        metafunc.parametrize("mesh", ways, indirect=True, scope="session")


@pytest.fixture(scope="session")
async def meshes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[str], Awaitable[Mesh]]]:
    """The mesh of each way, which is started when it is first asked for and kept: tests take turns
    between them. Its services' logs lie in tests/out/<suite>, one file each, until the suite's next
    run: suites may run side by side.
    """
    suite = LOGS / request.session.items[0].nodeid.partition("/")[0]
    running: dict[str, Mesh] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def of(way: str) -> Mesh:
            if way not in running:
                mesh = _mesh(way, suite, tmp_path_factory.mktemp("gateway") / "gateway.db")
                running[way] = await stack.enter_async_context(mesh)
            return running[way]

        yield of


def _mesh(way: str, suite: Path, database: Path) -> Mesh:
    logs = suite / way
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)

    def keep(name: str, line: str) -> None:
        with (logs / f"{name}.log").open("a") as file:
            file.write(f"{line}\n")

    settings = {
        name: {"WORKERS": str(WORKERS), "SPARES": str(SPARES), **testing_plugins.settings(name)}
        for name in chosen()
    }
    for name, own in settings.items():
        if SUBJECTS[name].at_once > 1:
            own["CONCURRENCY"] = str(SUBJECTS[name].at_once)
    if "pywasm" in settings:  # its port is another when it is started again
        settings["pywasm"]["SESSION_DIR"] = str(logs / "sessions")
    settings["gateway"] = {"DATAPATH": way, "DATABASE": f"sqlite:///{database}"}
    return Mesh(chosen(), settings=settings, show=keep, tell=keep)


@pytest.fixture(scope="session")
async def mesh(request: pytest.FixtureRequest, meshes: Callable[[str], Awaitable[Mesh]]) -> Mesh:
    """The running mesh."""
    if elsewhere.AT:
        return cast("Mesh", elsewhere.Elsewhere(chosen()))
    return await meshes(str(request.param))


@pytest.fixture
async def whole(mesh: Mesh) -> Mesh:
    """The mesh with every service serving and every worker idle: what a kill test begins with."""
    for name in ("gateway", *mesh.executors):
        await mesh.wait_serving(name)
    for name in mesh.executors:
        await idle(mesh, name)
    return mesh


async def idle(mesh: Mesh, name: str) -> None:
    """Wait until an executor's workers are all there, spares too, and none is busy.

    How many that are is the executor's: one that has several crews lets those rest that nobody
    calls.
    """

    async def settled() -> bool:
        now = await metrics.figures(mesh.metrics(name))
        moving = sum(
            now("edgemesh_workers", state=state) for state in ("starting", "stopping", "busy")
        )
        return moving == 0 and now("edgemesh_workers", state="idle") > 0

    await until(settled, f"idle workers of {name}")


@pytest.fixture(scope="session", params=chosen())
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each executor under test in turn."""
    return SUBJECTS[str(request.param)]


@pytest.fixture
async def direct(mesh: Mesh, subject: Subject) -> AsyncIterator[rpc.Peer]:
    """The executor itself, past the gateway."""
    async with rpc.connect(mesh.address(subject.name)) as peer:
        yield peer


@pytest.fixture
async def gateway(mesh: Mesh) -> AsyncIterator[rpc.Peer]:
    """The gateway."""
    async with rpc.connect(mesh.address("gateway")) as peer:
        yield peer
