"""A test kit for who writes algorithms: they run in a real mesh, under its limits, from pytest.

    # conftest.py
    pytest_plugins = ["edgemesh_client.testing"]

    # test_mine.py
    def test_it_scales(algorithm):
        scale = algorithm("cpp.mine", run_time_ms=500, memory_bytes=64 << 20)
        assert scale(x=np.arange(3.0), factor=2.0)["y"].tolist() == [0.0, 2.0, 4.0]

    def test_it_stays_in_its_box(algorithm):
        with pytest.raises(em.LimitPassed):
            algorithm(greedy, memory_bytes=64 << 20)(10**9)

The mesh is a running one (`--edgemesh=ADDRESS`, or EDGEMESH_ADDRESS), or one of the tests' own, on
free ports, of a checkout that is built (`--edgemesh-house=FOLDER`, or EDGEMESH_HOUSE). In pytest's
configuration `edgemesh_plugins` names folders of built C++ plugins, which an own mesh serves in the
executor's host, and `edgemesh_executors` its executors: by default `cpp` where there are such
folders, else `pywasm`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Unpack

import pytest

from edgemesh_client.client import Client
from edgemesh_client.local_mesh import LocalMesh, StartFailed, plugins
from edgemesh_client.request import Limits


class UnderLimits(Protocol):
    """What `algorithm` makes of an algorithm's name, or of a function."""

    def __call__(
        self, algorithm: str | Callable[..., Any], /, **limits: Unpack[Limits]
    ) -> Callable[..., Any]:
        """Of a name: called with inputs and parameters, it gives the Result. Of a function: called
        as that is, it returns what that returns, from the sandbox. Raises AlgorithmFailed."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the mesh is, or where one can be started."""
    group = parser.getgroup("edgemesh")
    group.addoption("--edgemesh", metavar="ADDRESS", help="a running mesh, host:port")
    group.addoption("--edgemesh-house", metavar="FOLDER", help="a checkout of edgemesh, built")
    parser.addini("edgemesh_plugins", "folders of built C++ plugins", type="paths", default=[])
    parser.addini("edgemesh_executors", "executors of an own mesh", type="args", default=[])


@pytest.fixture(scope="session")
def edgemesh_settings() -> Mapping[str, Mapping[str, str]]:
    """Further settings of an own mesh, by executor; override it to say some."""
    return {}


@pytest.fixture(scope="session")
def edgemesh_address(
    pytestconfig: pytest.Config, edgemesh_settings: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Where the mesh's gateway is."""
    named: str | None = pytestconfig.getoption("--edgemesh") or os.environ.get("EDGEMESH_ADDRESS")
    house: str | None = pytestconfig.getoption("--edgemesh-house") or os.environ.get(
        "EDGEMESH_HOUSE"
    )
    if named or not house:
        yield named or "127.0.0.1:50051"
        return
    folders: list[Path] = pytestconfig.getini("edgemesh_plugins")
    chosen: list[str] = pytestconfig.getini("edgemesh_executors")
    chosen = chosen or (["cpp"] if folders else ["pywasm"])
    settings: dict[str, dict[str, str]] = {name: {} for name in chosen}
    if folders:
        settings.setdefault("cpp", {}).update(plugins(folders))
    for name, more in edgemesh_settings.items():
        settings.setdefault(name, {}).update(more)
    try:
        with LocalMesh(Path(house), settings) as mesh:
            yield mesh.address
    except StartFailed as failed:
        pytest.fail(f"no mesh of {house}: {failed}", pytrace=False)


@pytest.fixture(scope="session")
def edgemesh(edgemesh_address: str) -> Iterator[Client]:
    """A client of the mesh."""
    with Client(edgemesh_address) as client:
        yield client


@pytest.fixture(scope="session")
def algorithm(edgemesh: Client) -> UnderLimits:
    """Makes something to call of an algorithm's name, or of a function: it runs in the mesh,
    under these limits, or the mesh's own where none is said."""

    def made(
        algorithm: str | Callable[..., Any], /, **limits: Unpack[Limits]
    ) -> Callable[..., Any]:
        if not isinstance(algorithm, str):
            return edgemesh.remote(limits=limits)(algorithm)

        def run(**arguments: Any) -> Any:
            return edgemesh.compute(algorithm, limits=limits, **arguments)

        return run

    return made
