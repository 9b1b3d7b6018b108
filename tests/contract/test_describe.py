"""Describe and WatchDescribe: what an executor says of itself."""

from __future__ import annotations

import asyncio
import json

import pytest
from edgemesh.executor.v1 import executor_pb2
from jsonschema import Draft202012Validator
from support.launch import launched
from support.rpc import Peer, connect
from support.subject import Subject

from edgemesh_local.mesh import Mesh

DESCRIBE = executor_pb2.DescribeRequest()
WATCH = executor_pb2.WatchDescribeRequest()


async def test_says_who_it_is_and_what_it_can_run(
    mesh: Mesh, direct: Peer, subject: Subject
) -> None:
    said = await direct.executor.Describe(DESCRIBE, timeout=10)
    assert said.name == subject.name
    assert said.version
    assert said.revision >= 1
    assert said.pid == mesh.pid(subject.name)
    assert said.capacity.workers >= 1
    assert said.capacity.slots >= said.capacity.workers
    assert said.resources.cpus > 0
    names = [algorithm.name for algorithm in said.algorithms]
    assert subject.nearest in names
    assert len({(a.name, a.version) for a in said.algorithms}) == len(names)


async def test_every_algorithm_can_be_called_from_its_description(direct: Peer) -> None:
    said = await direct.executor.Describe(DESCRIBE, timeout=10)
    for algorithm in said.algorithms:
        assert algorithm.version
        assert algorithm.description, algorithm.name
        for schema in (algorithm.parameters_schema, algorithm.result_schema):
            if schema:
                Draft202012Validator.check_schema(json.loads(schema))
        for spec in (*algorithm.inputs, *algorithm.outputs):
            assert spec.name
            assert spec.any_rank or all(length >= -1 for length in spec.shape)


async def test_states_the_default_run_time_and_limits(direct: Peer) -> None:
    said = await direct.executor.Describe(DESCRIBE, timeout=10)
    assert 0 < said.default_run_time_ms <= said.max_run_time_ms
    assert said.default_limits.run_time_ms == said.default_run_time_ms
    assert said.default_limits.memory_bytes > 0
    assert said.default_limits.output_bytes > 0


async def test_watch_tells_at_once_and_stays_open(direct: Peer) -> None:
    watch = direct.executor.WatchDescribe(WATCH, timeout=60)
    first = await watch.read()
    assert isinstance(first, executor_pb2.WatchDescribeResponse)
    assert first.description == await direct.executor.Describe(DESCRIBE, timeout=10)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(watch.read())), 0.2)
    watch.cancel()


async def test_another_process_has_another_pid(subject: Subject, direct: Peer) -> None:
    first = await direct.executor.Describe(DESCRIBE, timeout=10)
    async with (
        launched(subject.name, WORKERS="1", SPARES="0") as other,
        connect(other.address) as peer,
    ):
        said = await peer.executor.Describe(DESCRIBE, timeout=10)
    assert said.pid == other.process.pid != first.pid
    assert [a.name for a in said.algorithms] == [a.name for a in first.algorithms]
    assert said.capacity.workers == 1
