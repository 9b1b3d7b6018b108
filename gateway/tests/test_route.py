"""Which executor serves an algorithm, and what the mesh says that it can compute."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from fake_executor import FakeExecutor
from house import House, eventually, house, raw_method, refused


async def listed(gate: House, namespace: str = "") -> list[tuple[str, str, str, bool]]:
    answer = await gate.algorithms.ListAlgorithms(
        algorithm_pb2.ListAlgorithmsRequest(namespace=namespace), timeout=20
    )
    return [
        (o.algorithm.name, o.algorithm.version, o.executor, o.default_version)
        for o in answer.algorithms
    ]


async def got(gate: House, name: str) -> algorithm_pb2.OfferedAlgorithm:
    answer = await gate.algorithms.GetAlgorithm(
        algorithm_pb2.GetAlgorithmRequest(name=name), timeout=20
    )
    return answer.algorithm


async def test_each_to_its_executor_and_the_list_of_all() -> None:
    one = await FakeExecutor("one", algorithms=("a.z", "a.b@1.9", "a.b@1.10", "both.x")).start()
    two = await FakeExecutor("two", algorithms=("c.d", "ab.c", "both.x@7")).start()
    async with house({"one": one.port, "two": two.port}) as gate:
        assert (await gate.call(algorithm="a.b")).usage.executor == "one"
        assert (await gate.call(algorithm="a.b@1.9")).usage.executor == "one"
        assert (await gate.call(algorithm="c.d@1")).usage.executor == "two"
        # Offered by both: the one that settings name first.
        assert (await gate.call(algorithm="both.x")).usage.executor == "one"
        assert (await gate.refusal(algorithm="both.x@7")).reason == "UNKNOWN_ALGORITHM"
        assert await listed(gate) == [
            ("a.b", "1.10", "one", True),
            ("a.b", "1.9", "one", False),
            ("a.z", "1", "one", True),
            ("ab.c", "1", "two", True),
            ("both.x", "1", "one", True),
            ("c.d", "1", "two", True),
        ]
        assert [name for name, *_ in await listed(gate, "a")] == ["a.b", "a.b", "a.z"]
        assert (await got(gate, "a.b")).algorithm.version == "1.10"
        assert not (await got(gate, "a.b@1.9")).default_version
        assert (await got(gate, "a.b")).algorithm.parameters_schema == '{"type": "object"}'
    await one.stop()
    await two.stop()


async def test_the_algorithm_is_known_while_its_executor_is_away(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, retry_wait_ms=0) as gate:
        assert len(await listed(gate)) == 1
        await fake.stop()
        refusal = await gate.refusal()
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")
        assert await listed(gate) == []
        assert (await got(gate, "fake.echo")).executor == "fake"
        await fake.start(fake.port)
        await gate.serves("fake.echo")
        assert len(await listed(gate)) == 1


async def test_an_executor_that_offers_nothing_yet_is_waited_for() -> None:
    executor = await FakeExecutor(algorithms=()).start()
    async with house({"fake": executor.port}, absent="fake") as gate:
        assert (await gate.refusal(algorithm="fake.echo")).reason == "NOT_STARTED"
        await executor.offer("fake.echo")
        await gate.serves("fake.echo")
        await executor.offer()
        while await listed(gate):
            pass
        assert (await gate.refusal(algorithm="fake.echo")).reason == "NOT_STARTED"
    await executor.stop()


@pytest.mark.parametrize(
    ("name", "reason"), [("", "INVALID_REQUEST"), ("fake.ecko", "UNKNOWN_ALGORITHM")]
)
async def test_get_refuses(gate: House, name: str, reason: str) -> None:
    call = gate.algorithms.GetAlgorithm(algorithm_pb2.GetAlgorithmRequest(name=name), timeout=20)
    assert (await refused(call)).reason == reason


@pytest.mark.parametrize("method", ["ListAlgorithms", "GetAlgorithm"])
async def test_bytes_that_are_no_message(gate: House, method: str) -> None:
    ask = raw_method(gate.channel, f"edgemesh.compute.v1.AlgorithmService/{method}")
    assert (await refused(ask(b"\xff", timeout=20))).reason == "INVALID_REQUEST"


async def test_a_description_that_is_none(fake: FakeExecutor) -> None:
    watches = 0

    async def watch(_: bytes, context: Any) -> None:
        nonlocal watches
        watches += 1
        await context.write(b"\xff\xff")

    liar = grpc.aio.server()
    untyped: Any = grpc
    handler = untyped.unary_stream_rpc_method_handler(watch)
    name = "edgemesh.executor.v1.ExecutorService"
    generic = grpc.method_handlers_generic_handler(name, {"WatchDescribe": handler})
    liar.add_generic_rpc_handlers((generic,))
    port = liar.add_insecure_port("127.0.0.1:0")
    await liar.start()
    async with house({"liar": port, "fake": fake.port}, absent="liar") as gate:
        await gate.call(algorithm="fake.echo")
        assert (await gate.refusal(algorithm="liar.one")).metadata == {"executor": "liar"}
        await eventually(lambda: watches > 2)
    await liar.stop(None)
