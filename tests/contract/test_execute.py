"""Execute and ExecuteStream: right answers, alone, at once and with events."""

from __future__ import annotations

import asyncio

from edgemesh.compute.v1 import compute_pb2
from support import rpc
from support.rpc import Peer, outcome
from support.subject import Subject

from edgemesh_local.mesh import Mesh


async def test_answers_right_and_says_who_did_it(
    mesh: Mesh, direct: Peer, subject: Subject
) -> None:
    request = subject.quick(7)
    request.request_id = "mine-7"
    response = await direct.executor.Execute(request, timeout=30)
    subject.check(7, response)
    assert response.request_id == "mine-7"
    name, _, version = response.algorithm.partition("@")
    assert name == request.algorithm
    assert version
    assert not response.HasField("failure")
    usage = response.usage
    assert usage.executor == subject.name
    assert usage.executor_pid == mesh.pid(subject.name)
    assert usage.worker_pid not in (0, usage.executor_pid)
    assert 0 < usage.run_us <= usage.total_us


async def test_a_version_can_be_named(direct: Peer, subject: Subject) -> None:
    request = subject.quick(3)
    full = (await direct.executor.Execute(request, timeout=30)).algorithm
    request.algorithm = full
    response = await direct.executor.Execute(request, timeout=30)
    assert response.algorithm == full
    subject.check(3, response)


async def test_a_request_without_an_id_is_given_one(direct: Peer, subject: Subject) -> None:
    one, two = await asyncio.gather(
        *(direct.executor.Execute(subject.quick(1), timeout=30) for _ in range(2))
    )
    assert one.request_id
    assert one.request_id != two.request_id


async def test_each_of_a_hundred_callers_at_once_gets_its_own_answer(
    direct: Peer, subject: Subject
) -> None:
    responses = await asyncio.gather(
        *(direct.executor.Execute(subject.quick(n), timeout=120) for n in range(100))
    )
    for number, response in enumerate(responses):
        subject.check(number, response)
    assert len({response.usage.worker_pid for response in responses}) > 1


async def test_a_stream_ends_with_the_response(direct: Peer, subject: Subject) -> None:
    events = [event async for event in direct.executor.ExecuteStream(subject.quick(5), timeout=30)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.index("response") == len(kinds) - 1
    subject.check(5, events[-1].response)


async def test_initial_metadata_tells_that_the_run_has_begun(
    direct: Peer, subject: Subject
) -> None:
    stream = direct.executor.ExecuteStream(subject.endless, timeout=60)
    assert ("edgemesh-started", "1") in list(await stream.initial_metadata())
    assert not stream.done()
    stream.cancel()
    # A unary call has it too; grpcio hands it over with the answer only.
    call = direct.executor.Execute(subject.endless, timeout=0.5)
    assert outcome(await call) == "TIMEOUT"
    assert ("edgemesh-started", "1") in list(await call.initial_metadata())


async def test_a_refused_request_never_says_that_it_began(direct: Peer) -> None:
    call = direct.executor.Execute(compute_pb2.ComputeRequest(algorithm="no.such"), timeout=10)
    refused = await rpc.refused(call)
    assert refused.reason == "UNKNOWN_ALGORITHM"
    assert "edgemesh-started" not in dict(await call.initial_metadata())
