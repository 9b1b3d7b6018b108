"""Registered algorithms through the whole mesh: who may see them, and what outlasts a kill."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from support import rpc
from support.rpc import Peer
from support.wait import until

from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("pywasm")
PATIENCE_S = 60
CODE = """
import time
import numpy as np
MADE = time.time_ns()
def scale(x: list[float], by: float = 2.0) -> list[float]:
    "Scales numbers."
    return [each * by for each in x]
def norm(x: np.ndarray) -> float:
    return float(np.linalg.norm(x))
def made() -> int:
    return MADE
"""


class Tenant:
    """Somebody with a key."""

    def __init__(self, peer: Peer, key: str) -> None:
        self._peer, self._metadata = peer, (("authorization", f"Bearer {key}"),)

    async def register(self, name: str, code: str = CODE, **fields: Any) -> Any:
        return await self.ask("RegisterAlgorithm", name=name, code=code, **fields)

    async def ask(self, method: str, **fields: Any) -> Any:
        request = getattr(algorithm_pb2, f"{method}Request")(**fields)
        call = getattr(self._peer.algorithms, method)
        return await call(request, timeout=PATIENCE_S, metadata=self._metadata)

    async def refused(self, method: str, **fields: Any) -> rpc.Refusal:
        return await rpc.refused(self.ask(method, **fields))

    async def compute(
        self, algorithm: str, inputs: Any = None, **parameters: Any
    ) -> compute_pb2.ComputeResponse:
        return await self._peer.compute.Compute(
            rpc.request(algorithm, parameters, inputs),
            timeout=PATIENCE_S,
            metadata=self._metadata,
        )

    async def value(self, algorithm: str, inputs: Any = None, **parameters: Any) -> Any:
        response = await self.compute(algorithm, inputs, **parameters)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        return json.loads(response.result)

    async def names(self) -> set[str]:
        listed = await self.ask("ListAlgorithms", namespace="python")
        return {
            f"{each.algorithm.name}@{each.algorithm.version}"
            for each in listed.algorithms
            if each.HasField("registration")
        }


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """A mesh whose callers have names, and whose executor starts with an empty cache."""
    folder: Path = tmp_path_factory.mktemp("own")
    keys = folder / "keys.toml"
    keys.write_text(
        "".join(
            f'[[keys]]\ntenant = "{name}"\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
            for name in ("ann", "bob")
        )
    )
    settings = {
        "pywasm": {"WORKERS": "2", "SPARES": "1"},
        "gateway": {"DATABASE": f"sqlite:///{folder}/gateway.db", "API_KEYS": str(keys)},
    }
    async with Mesh(("pywasm",), settings=settings) as running:
        yield running


@pytest.fixture
async def peer(own: Mesh) -> AsyncIterator[Peer]:
    async with rpc.connect(own.address("gateway")) as peer:
        yield peer


@pytest.fixture
def ann(peer: Peer) -> Tenant:
    return Tenant(peer, "ann")


@pytest.fixture
def bob(peer: Peer) -> Tenant:
    return Tenant(peer, "bob")


async def test_registered_code_is_called_like_any_algorithm(ann: Tenant) -> None:
    registered = await ann.register("python.scale")
    assert registered.algorithm.registration.sha256 == hashlib.sha256(CODE.encode()).hexdigest()
    assert list(registered.report.imports) == ["numpy", "time"]
    assert await ann.value("python.scale", x=[1, 2]) == [2, 4]
    assert await ann.value("python.scale@1", x=[1, 2], by=3.0) == [3, 6]
    offered = (await ann.ask("GetAlgorithm", name="python.scale")).algorithm
    assert (offered.executor, offered.default_version) == ("pywasm", True)
    assert offered.algorithm.description == "Scales numbers."
    refused = await rpc.refused(ann.compute("python.scale", x="no"))
    assert (refused.reason, list(refused.fields)) == ("INVALID_PARAMETER", ["parameters.x"])
    await ann.register("python.norm", entry_point="norm")
    assert await ann.value("python.norm", {"x": np.array([3.0, 4.0])}) == 5.0


async def test_versions_stay_and_a_bare_name_means_the_newest(ann: Tenant) -> None:
    def code(n: int) -> str:
        return f"def version() -> int: return {n}"

    for number in (1, 2):
        offered = (await ann.register("python.version", code(number))).algorithm
        assert offered.algorithm.version == str(number)
    again = (await ann.register("python.version", code(2))).algorithm
    assert again.algorithm.version == "2"  # the same again is the same registration
    await ann.register("python.version", code(3), version="beta")
    assert await ann.value("python.version") == 3
    assert await ann.value("python.version@1") == 1
    refused = await ann.refused(
        "RegisterAlgorithm", name="python.version", code=code(4), version="1"
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    gone = await ann.ask("DeleteAlgorithm", name="python.version@beta")
    assert list(gone.deleted) == ["python.version@beta"]
    assert await ann.value("python.version") == 2
    source = await ann.ask("GetAlgorithmSource", name="python.version@1")
    assert source.code == code(1)
    assert len((await ann.ask("DeleteAlgorithm", name="python.version")).deleted) == 2
    assert (await rpc.refused(ann.compute("python.version"))).reason == "UNKNOWN_ALGORITHM"


async def test_a_tenant_sees_its_own_and_what_is_shared(ann: Tenant, bob: Tenant) -> None:
    await ann.register("python.hidden", "def hidden(): return 'ann'")
    await ann.register("python.given", "def given(): return 'ann'", shared=True)
    assert not {"python.hidden@1"} & await bob.names()
    assert {"python.given@1"} <= await bob.names()
    for method in ("GetAlgorithm", "GetAlgorithmSource", "DeleteAlgorithm"):
        refused = await bob.refused(method, name="python.hidden")
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert (await rpc.refused(bob.compute("python.hidden"))).reason == "UNKNOWN_ALGORITHM"
    assert await bob.value("python.given") == "ann"
    assert (await bob.refused("DeleteAlgorithm", name="python.given")).reason == "UNKNOWN_ALGORITHM"
    await bob.register("python.given", "def given(): return 'bob'")
    assert (await bob.value("python.given"), await ann.value("python.given")) == ("bob", "ann")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "python.run"}, "name"),
        ({"name": "cpp.mine"}, "name"),
        ({"name": "python.Mine"}, "name"),
        ({"name": "python."}, "name"),
        ({"name": "mine"}, "name"),
        ({"name": "python." + "x" * 300}, "name"),
        ({"version": "1@2"}, "version"),
        ({"code": ""}, "code"),
        ({"code": "x = 1\ny = '\0'"}, "code"),
        ({"code": "#" + "é" * (1 << 19)}, "code"),
        ({"code": "def mine(:"}, "code"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"sha256": "xyz"}, "sha256"),
        ({"entry_point": "no such"}, "entry_point"),
        ({"entry_point": "absent"}, "entry_point"),
        ({"parameters_schema": "{"}, "parameters_schema"),
        ({"setup_run_time_ms": 600_000}, "setup_run_time_ms"),
        ({"environment": "e", "dependencies": ["leaf"]}, "dependencies"),
        ({"dependencies": ["leaf @ https://x.test/leaf.whl"]}, "dependencies[0]"),
    ],
)
async def test_what_is_refused_names_the_field(
    ann: Tenant, fields: dict[str, Any], named: str
) -> None:
    given = {"name": "python.mine", "code": "def mine(): return 1"} | fields
    refused = await ann.refused("RegisterAlgorithm", **given)
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.fields) == [named]
    assert "python.mine@1" not in await ann.names()


async def test_an_executor_that_has_forgotten_is_given_the_program(own: Mesh, ann: Tenant) -> None:
    await ann.register("python.made", entry_point="made")
    first = await ann.value("python.made")
    own.kill("pywasm")
    await own.wait_serving("pywasm")

    async def answers() -> bool:
        try:
            return await ann.value("python.made") == first
        except grpc.aio.AioRpcError as error:
            if rpc.refusal(error).reason in ("NOT_STARTED", "EXECUTOR_LOST"):
                return False
            raise

    await until(answers, "the program after the executor's restart")


async def test_what_was_acknowledged_outlives_kills_of_the_gateway(own: Mesh) -> None:
    kept: dict[str, int] = {}
    for number in range(5):
        async with rpc.connect(own.address("gateway")) as peer:
            ann = Tenant(peer, "ann")
            for name, value in kept.items():
                assert await ann.value(name) == value
            name = f"python.kept{number}"
            await ann.register(name, f"def kept{number}(): return {number}")
            kept[name] = number
            if random.random() < 0.5:
                await ann.value(name)
        own.kill("gateway")
        await until(partial(_answers, own), "the gateway after its kill")


async def _answers(mesh: Mesh) -> bool:
    """Whether the gateway is there, and has met its executor."""
    async with rpc.connect(mesh.address("gateway")) as peer:
        try:
            return await Tenant(peer, "ann").value("python.run", code="1") == 1
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return False
            raise
