"""ModelService through the gateway: passed on to the executor that has models, by scopes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from edgemesh.compute.v1 import model_pb2, model_pb2_grpc
from fake_executor import Context, FakeExecutor, refuse
from house import PATIENCE_S, House, Refusal, house, http, refused

from mesh_service import errors


class Shelf(FakeExecutor, model_pb2_grpc.ModelServiceServicer):
    """An executor with two models."""

    def __init__(self, name: str = "ml") -> None:
        super().__init__(name=name, algorithms=("ml.tensor", "ml.embed"))
        self.loaded = {"small": True, "large": False}
        self.tenants: list[str] = []

    def also(self, server: grpc.aio.Server) -> None:
        model_pb2_grpc.add_ModelServiceServicer_to_server(self, server)

    def told(self, name: str) -> model_pb2.Model:
        return model_pb2.Model(name=name, version="1", loaded=self.loaded[name], memory_bytes=7)

    async def seen(self, context: Context) -> None:
        await self._authenticate(context)
        self.tenants.append(str(self.metadata["edgemesh-tenant"]))

    async def ListModels(
        self, request: model_pb2.ListModelsRequest, context: Context
    ) -> model_pb2.ListModelsResponse:
        await self.seen(context)
        models = [self.told(name) for name in self.loaded]
        return model_pb2.ListModelsResponse(models=models, memory_bytes=7, memory_limit_bytes=20)

    async def GetModel(
        self, request: model_pb2.GetModelRequest, context: Context
    ) -> model_pb2.GetModelResponse:
        await self.seen(context)
        if request.name not in self.loaded:
            await refuse(context, errors.InvalidRequest([errors.Violation("name", "a model")]))
        return model_pb2.GetModelResponse(model=self.told(request.name))

    async def LoadModel(
        self, request: model_pb2.LoadModelRequest, context: Context
    ) -> model_pb2.LoadModelResponse:
        await self.seen(context)
        if request.name == "torn":
            await refuse(context, errors.UnusableModel("torn@1", "it is torn", "mend it", 1.0))
        self.loaded[request.name] = True
        return model_pb2.LoadModelResponse(model=self.told(request.name))

    async def UnloadModel(
        self, request: model_pb2.UnloadModelRequest, context: Context
    ) -> model_pb2.UnloadModelResponse:
        await self.seen(context)
        self.loaded[request.name] = False
        return model_pb2.UnloadModelResponse(model=self.told(request.name))


@pytest.fixture
async def fake() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    await shelf.start()
    yield shelf
    await shelf.stop()


@pytest.fixture
async def gate(fake: Shelf) -> AsyncIterator[House]:
    async with house({"ml": fake.port}, rest_port=0) as running:
        yield running


def stub(gate: House) -> Any:
    return model_pb2_grpc.ModelServiceStub(gate.channel)


async def test_models_are_listed_loaded_and_unloaded(gate: House, fake: Shelf) -> None:
    service = stub(gate)
    listed = await service.ListModels(model_pb2.ListModelsRequest(), timeout=PATIENCE_S)
    assert [(each.name, each.loaded) for each in listed.models] == [
        ("small", True),
        ("large", False),
    ]
    assert (listed.memory_bytes, listed.memory_limit_bytes) == (7, 20)
    load = model_pb2.LoadModelRequest(name="large", executor="ml")
    assert (await service.LoadModel(load, timeout=PATIENCE_S)).model.loaded
    unload = model_pb2.UnloadModelRequest(name="small")
    assert not (await service.UnloadModel(unload, timeout=PATIENCE_S)).model.loaded
    assert fake.loaded == {"small": False, "large": True}
    assert set(fake.tenants) == {"local"}


async def test_what_the_executor_says_is_passed_on(gate: House) -> None:
    service = stub(gate)
    torn = await refused(service.LoadModel(model_pb2.LoadModelRequest(name="torn")))
    assert (torn.code, torn.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UNUSABLE_MODEL")
    assert torn.metadata == {"model": "torn@1", "why": "it is torn", "remedy": "mend it"}
    assert torn.delay_s == 1.0
    missing = await refused(service.GetModel(model_pb2.GetModelRequest(name="none")))
    assert missing.violations == {"name": "a model"}
    other = await refused(service.ListModels(model_pb2.ListModelsRequest(executor="cpp")))
    assert other.violations == {"executor": "required: one of ml"}


async def test_rest_tells_the_same(gate: House, fake: Shelf) -> None:
    async with http(gate.mesh) as web:
        told = (await web.get("/api/v1/models")).json()
        assert told["limit_bytes"] == 20
        assert [(each["name"], each["loaded"]) for each in told["models"]] == [
            ("small", True),
            ("large", False),
        ]
        loaded = await web.post("/api/v1/models/large/load")
        assert (loaded.status_code, loaded.json()["loaded"]) == (200, True)
        assert (await web.get("/api/v1/models/large")).json()["loaded"] is True
        unloaded = await web.post("/api/v1/models/large/unload")
        assert (unloaded.status_code, unloaded.json()["loaded"]) == (200, False)
        torn = await web.post("/api/v1/models/torn/load")
        assert (torn.status_code, torn.json()["reason"]) == (409, "UNUSABLE_MODEL")
        assert "mend it" in torn.json()["detail"]
        await check_document(web)


async def check_document(web: httpx.AsyncClient) -> None:
    paths = (await web.get("/openapi.json")).json()["paths"]
    there = {path: set(each) for path, each in paths.items() if path.startswith("/api/v1/models")}
    assert there == {
        "/api/v1/models": {"get"},
        "/api/v1/models/{name}": {"get"},
        "/api/v1/models/{name}/load": {"post"},
        "/api/v1/models/{name}/unload": {"post"},
    }


TENANTS = ("reader", "writer", "caller")
POLICY = """
[tenants.reader]
scopes = ["models:read"]
[tenants.writer]
scopes = ["models:*"]
[tenants.caller]
scopes = ["ml.*"]
"""


async def test_scopes_say_who_may_look_and_who_may_load(fake: Shelf, tmp_path: Path) -> None:
    policy, keys = tmp_path / "policy.toml", tmp_path / "keys.toml"
    policy.write_text(POLICY)
    digests = {name: hashlib.sha256(f"key-of-{name}".encode()).hexdigest() for name in TENANTS}
    keys.write_text(
        "".join(f'[[keys]]\ntenant = "{t}"\nsha256 = "{d}"\n' for t, d in digests.items())
    )
    async with house({"ml": fake.port}, api_keys=keys, policy=policy) as gate:
        service = stub(gate)

        async def lacks(method: Any, request: Any, name: str) -> str:
            metadata = (("authorization", f"Bearer key-of-{name}"),)
            try:
                await method(request, timeout=PATIENCE_S, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                refusal = Refusal(error)
                return f"{refusal.reason} {refusal.metadata['scope']}"
            return ""

        look = model_pb2.ListModelsRequest()
        load = model_pb2.LoadModelRequest(name="large")
        lacking = {
            name: (
                await lacks(service.ListModels, look, name),
                await lacks(service.LoadModel, load, name),
            )
            for name in TENANTS
        }
    assert lacking == {
        "reader": ("", "PERMISSION_DENIED models:write"),
        "writer": ("", ""),
        "caller": ("PERMISSION_DENIED models:read", "PERMISSION_DENIED models:write"),
    }


async def test_where_several_have_models_one_is_named(fake: Shelf) -> None:
    other = Shelf("other")
    await other.start()
    async with house({"ml": fake.port, "other": other.port}) as gate:
        service = stub(gate)
        which = await refused(service.ListModels(model_pb2.ListModelsRequest()))
        assert which.violations == {"executor": "required: one of ml, other"}
        load = model_pb2.LoadModelRequest(name="large", executor="other")
        await service.LoadModel(load, timeout=PATIENCE_S)
    assert (fake.loaded["large"], other.loaded["large"]) == (False, True)
    await other.stop()


async def test_an_executor_that_is_away_is_said_so(gate: House, fake: Shelf) -> None:
    await fake.stop()
    away = await refused(stub(gate).ListModels(model_pb2.ListModelsRequest()))
    assert (away.code, away.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")
