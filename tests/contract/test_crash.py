"""A worker that dies takes the call with it that it dies of, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal

import grpc
import pytest
from support import processes, rpc
from support.rpc import Peer, outcome
from support.subject import Subject
from support.wait import until
from support.work import doomed, endless

from edgemesh_local.mesh import Mesh

DEATHS = {
    signal.SIGKILL: {signal.SIGKILL},
    signal.SIGSEGV: {signal.SIGSEGV, signal.SIGABRT},
}
"""A signal and how a process may end by it: a runtime's own handler may make a SEGV an abort."""


@pytest.mark.parametrize("number", DEATHS)
async def test_that_caller_gets_a_crash_and_a_hundred_others_right_answers(
    whole: Mesh, direct: Peer, subject: Subject, number: signal.Signals
) -> None:
    executor = direct.executor
    victim, call = await doomed(whole, subject, executor.Execute, executor.ExecuteStream)
    others = [
        asyncio.ensure_future(direct.executor.Execute(subject.quick(n), timeout=120))
        for n in range(100)
    ]
    await others[0]
    os.kill(victim, number)
    crashed = await asyncio.wait_for(call, 30)
    assert outcome(crashed) == "CRASH"
    assert crashed.failure.type == "WorkerCrashed"
    assert crashed.failure.signal in DEATHS[number]
    assert crashed.usage.worker_pid == victim
    for n, answer in enumerate(others):
        response = await answer
        subject.check(n, response)
        assert subject.at_once > 1 or response.usage.worker_pid != victim
    await until(lambda: not processes.alive(victim), "the victim is gone")


async def test_a_stream_ends_with_the_crash(whole: Mesh, direct: Peer, subject: Subject) -> None:
    victim, stream = await endless(whole, subject, direct.executor.ExecuteStream)
    os.kill(victim, signal.SIGKILL)
    events = [event async for event in stream]
    assert outcome(events[-1].response) == "CRASH"
    assert events[-1].response.failure.signal == signal.SIGKILL
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


async def test_when_all_workers_die_calls_are_answered_again_soon(
    whole: Mesh, direct: Peer, subject: Subject
) -> None:
    for pid in processes.children(whole.pid(subject.name)):
        os.kill(pid, signal.SIGKILL)

    async def answered() -> bool:
        try:
            response = await direct.executor.Execute(subject.quick(4), timeout=60)
        except grpc.aio.AioRpcError as error:
            found = rpc.refusal(error)
            assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")
            assert found.retry_after_s
            return False
        if outcome(response) == "CRASH":  # it was given to workers that were being killed
            return False
        subject.check(4, response)
        return True

    await until(answered, "an answer")


@pytest.mark.needs("cpp")
@pytest.mark.parametrize("name", ["SEGV", "ABRT", "KILL"])
async def test_native_code_that_crashes(whole: Mesh, name: str) -> None:
    async with rpc.connect(whole.address("cpp")) as peer:
        request = rpc.request("cpp.test_crash", {"signal": name})
        crashed = await peer.executor.Execute(request, timeout=30)
    assert outcome(crashed) == "CRASH"
    assert crashed.failure.signal == signal.Signals[f"SIG{name}"]
