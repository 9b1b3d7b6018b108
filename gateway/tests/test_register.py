"""Registering, and giving executors what they lack, over a fake executor that runs programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from edgemesh.compute.v1 import algorithm_pb2, environment_pb2, environment_pb2_grpc
from fake_executor import FakeExecutor
from house import PATIENCE_S, House, Refusal, house, refused


@pytest.fixture
async def running() -> AsyncIterator[FakeExecutor]:
    executor = FakeExecutor()
    executor.program_namespaces = ("fake",)
    await executor.start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(running: FakeExecutor) -> AsyncIterator[House]:
    async with house({"fake": running.port}, max_algorithms=3, max_environments=1) as one:
        yield one


async def register(gate: House, name: str = "fake.mine", code: str = "1", **fields: Any) -> Any:
    request = algorithm_pb2.RegisterAlgorithmRequest(name=name, code=code, **fields)
    return await gate.algorithms.RegisterAlgorithm(request, timeout=PATIENCE_S)


async def test_an_executor_is_given_a_program_once(gate: House, running: FakeExecutor) -> None:
    await register(gate)
    for _ in range(3):
        assert (await gate.call(algorithm="fake.mine")).algorithm == "fake.mine"
    assert len(running.programs) == 1
    assert running.metadata["edgemesh-program"] == running.programs[0]
    assert len(running.began) == 3
    running.programs.clear()  # it has forgotten
    assert await gate.call(algorithm="fake.mine@1")
    assert len(running.programs) == 1


async def test_many_callers_at_once_of_a_program_that_it_lacks(
    gate: House, running: FakeExecutor
) -> None:
    await register(gate)
    await asyncio.gather(*(gate.call(algorithm="fake.mine") for _ in range(4)))
    assert len(running.began) == 4


async def test_the_executors_own_come_first(gate: House, running: FakeExecutor) -> None:
    refusal = await refused(register(gate, "fake.echo"))
    assert list(refusal.violations) == ["name"]
    await register(gate, "fake.later")
    await running.offer("fake.echo", "fake.later")
    listed: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(listed) < 2:
            request = algorithm_pb2.ListAlgorithmsRequest()
            response = await gate.algorithms.ListAlgorithms(request)
            listed = [each for each in response.algorithms if not each.HasField("registration")]
    assert [each.algorithm.name for each in listed] == ["fake.echo", "fake.later"]


async def test_what_the_executor_finds_wrong_is_passed_on(gate: House) -> None:
    refusal = await refused(register(gate, code="wrong"))
    assert refusal.violations == {"code": "right"}


async def test_a_tenant_may_have_so_many(gate: House) -> None:
    for number in range(3):
        await register(gate, f"fake.n{number}")
    refusal = await refused(register(gate, "fake.n3"))
    assert (refusal.reason, refusal.metadata) == ("QUOTA_EXCEEDED", {"limit": "3"})


async def test_a_name_of_no_namespace_that_runs_programs(gate: House) -> None:
    refusal: Refusal = await refused(register(gate, "other.mine"))
    assert refusal.violations == {"name": "one of the namespaces fake"}


@pytest.mark.parametrize(
    "method",
    [
        "AlgorithmService/RegisterAlgorithm",
        "AlgorithmService/GetAlgorithmSource",
        "AlgorithmService/DeleteAlgorithm",
        "EnvironmentService/GetEnvironment",
        "EnvironmentService/ListEnvironments",
        "EnvironmentService/DeleteEnvironment",
    ],
)
async def test_what_is_no_message_is_refused(gate: House, method: str) -> None:
    channel: Any = gate.channel
    ask = channel.unary_unary(f"/edgemesh.compute.v1.{method}")
    refusal = await refused(ask(b"\xff\xff", timeout=PATIENCE_S))
    assert list(refusal.violations) == ["request"]


async def test_an_unknown_environment_is_told(gate: House) -> None:
    stub: Any = environment_pb2_grpc.EnvironmentServiceStub(gate.channel)
    request = environment_pb2.GetEnvironmentRequest(id="e")
    refusal = await refused(stub.GetEnvironment(request, timeout=PATIENCE_S))
    assert (refusal.reason, refusal.metadata) == ("UNKNOWN_ENVIRONMENT", {"environment": "e"})
    assert (await refused(register(gate, environment="e"))).reason == "UNKNOWN_ENVIRONMENT"
