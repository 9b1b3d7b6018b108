"""What a mesh has, and keeps for its callers: algorithms, environments, keys, models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

from edgemesh.compute.v1 import (
    algorithm_pb2,
    algorithm_pb2_grpc,
    environment_pb2,
    environment_pb2_grpc,
    key_pb2,
    key_pb2_grpc,
    model_pb2,
    model_pb2_grpc,
)

from edgemesh_client.async_connection import AsyncConnection
from edgemesh_client.kinds import (
    Algorithm,
    Environment,
    Key,
    Model,
)
from edgemesh_client.request import requirements

PREPARING_S = 300.0
"""How long a set-up may take: an environment, a registration."""


class AsyncHoldings(AsyncConnection):
    """What there is, listed and changed."""

    @cached_property
    def _making(self) -> dict[tuple[str, ...], asyncio.Task[Environment]]:
        """Environments by what they are made of."""
        return {}

    # Algorithms

    async def delete_algorithm(self, name: str) -> list[str]:
        """Delete a registered algorithm, or one version (`name@version`); what was deleted."""
        stub = algorithm_pb2_grpc.AlgorithmServiceStub(self.channel)
        request = algorithm_pb2.DeleteAlgorithmRequest(name=name)
        return list((await self.link.unary(stub.DeleteAlgorithm, request)).deleted)

    async def algorithms(self, namespace: str = "") -> list[Algorithm]:
        """What can be computed now, by name; of one namespace, e.g. "cpp"."""
        stub = algorithm_pb2_grpc.AlgorithmServiceStub(self.channel)
        request = algorithm_pb2.ListAlgorithmsRequest(namespace=namespace)
        answer = await self.link.unary(stub.ListAlgorithms, request, safe=True)
        return [Algorithm.read(each) for each in answer.algorithms]

    async def algorithm(self, name: str) -> Algorithm:
        """One of them. Raises NotFound, whose message has the nearest names."""
        stub = algorithm_pb2_grpc.AlgorithmServiceStub(self.channel)
        request = algorithm_pb2.GetAlgorithmRequest(name=name)
        return Algorithm.read(
            (await self.link.unary(stub.GetAlgorithm, request, safe=True)).algorithm
        )

    # Environments

    async def environment(
        self,
        dependencies: Sequence[str],
        *,
        progress: Callable[[str, str], None] | None = None,
        timeout: float = PREPARING_S,
    ) -> Environment:
        """Make an environment; `progress` is told each stage and its message.

        Raises InvalidRequest with the resolver's own words where there is no solution.
        """
        stub = environment_pb2_grpc.EnvironmentServiceStub(self.channel)
        request = environment_pb2.CreateEnvironmentRequest(dependencies=requirements(dependencies))
        made: Environment | None = None
        async for event in self.link.stream(
            stub.CreateEnvironment, request, timeout=timeout, safe=True
        ):
            if event.HasField("environment"):
                made = Environment.read(event.environment)
            elif progress is not None:
                progress(event.progress.stage, event.progress.message)
        if made is None:
            raise AssertionError("the last event has the environment")
        return made

    async def environment_of(self, dependencies: Sequence[str]) -> Environment:
        """The environment of these, made at most once by this client."""
        key = requirements(dependencies)
        task = self._making.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._making[key] = asyncio.create_task(self.environment(key))
        return await asyncio.shield(task)

    async def environments(self) -> list[Environment]:
        """The tenant's environments, newest first, without their locks."""
        stub = environment_pb2_grpc.EnvironmentServiceStub(self.channel)
        request = environment_pb2.ListEnvironmentsRequest()
        answer = await self.link.unary(stub.ListEnvironments, request, safe=True)
        return [Environment.read(each) for each in answer.environments]

    async def delete_environment(self, id: str) -> None:
        """Forget one. Raises NotFound."""
        stub = environment_pb2_grpc.EnvironmentServiceStub(self.channel)
        await self.link.unary(
            stub.DeleteEnvironment, environment_pb2.DeleteEnvironmentRequest(id=id)
        )

    # Keys

    async def create_key(
        self, tenant: str, *, scopes: Sequence[str] = (), note: str = "", days: float = 0
    ) -> tuple[Key, str]:
        """Make an API key; what is known of it, and the key, which nobody can tell again."""
        stub = key_pb2_grpc.KeyServiceStub(self.channel)
        request = key_pb2.CreateKeyRequest(
            tenant=tenant, scopes=scopes, note=note, lifetime_s=int(days * 86_400)
        )
        answer = await self.link.unary(stub.CreateKey, request)
        return Key.read(answer.key), answer.secret

    async def keys(self, *, tenant: str = "", all: bool = False) -> list[Key]:
        """The keys, newest first; `all`: the revoked and expired ones too."""
        stub = key_pb2_grpc.KeyServiceStub(self.channel)
        request = key_pb2.ListKeysRequest(tenant=tenant, all=all)
        return [
            Key.read(key) for key in (await self.link.unary(stub.ListKeys, request, safe=True)).keys
        ]

    async def revoke_key(self, prefix: str) -> Key:
        """Revoke a key, for good. Raises NotFound."""
        stub = key_pb2_grpc.KeyServiceStub(self.channel)
        request = key_pb2.RevokeKeyRequest(prefix=prefix)
        return Key.read((await self.link.unary(stub.RevokeKey, request, safe=True)).key)

    # Models

    async def models(self, *, executor: str = "") -> list[Model]:
        """The models that an executor serves, by name; `executor`: where several do, which."""
        stub = model_pb2_grpc.ModelServiceStub(self.channel)
        request = model_pb2.ListModelsRequest(executor=executor)
        answer = await self.link.unary(stub.ListModels, request, safe=True)
        return [Model.read(model) for model in answer.models]

    async def load_model(self, name: str, *, executor: str = "") -> Model:
        """Load a model, for which others may be unloaded. Raises FailedPrecondition, which says
        what would mend it."""
        stub = model_pb2_grpc.ModelServiceStub(self.channel)
        request = model_pb2.LoadModelRequest(name=name, executor=executor)
        return Model.read((await self.link.unary(stub.LoadModel, request, safe=True)).model)

    async def unload_model(self, name: str, *, executor: str = "") -> Model:
        """Unload a model when its calls have ended; the next call loads it again."""
        stub = model_pb2_grpc.ModelServiceStub(self.channel)
        request = model_pb2.UnloadModelRequest(name=name, executor=executor)
        return Model.read((await self.link.unary(stub.UnloadModel, request, safe=True)).model)
