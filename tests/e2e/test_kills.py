"""kill -9 of a worker, an executor and the gateway in the midst of calls."""

from __future__ import annotations

import asyncio
import os
import signal

import grpc
import pytest
from support import processes, rpc
from support.rpc import Peer, outcome, refused
from support.subject import SUBJECTS, Subject
from support.wait import until
from support.work import doomed, runs

from edgemesh_local.mesh import Mesh


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_worker(
    whole: Mesh, gateway: Peer, subject: Subject, number: signal.Signals
) -> None:
    compute = gateway.compute
    victim, call = await doomed(whole, subject, compute.Compute, compute.ComputeStream)
    asked = [SUBJECTS[whole.executors[n % len(whole.executors)]] for n in range(100)]
    others = [
        asyncio.ensure_future(gateway.compute.Compute(each.quick(n), timeout=120))
        for n, each in enumerate(asked)
    ]
    await others[0]
    os.kill(victim, number)
    crashed = await asyncio.wait_for(call, 30)
    assert outcome(crashed) == "CRASH"
    assert crashed.failure.signal in (number, signal.SIGABRT)
    assert crashed.usage.worker_pid == victim
    for n, (each, answer) in enumerate(zip(asked, others, strict=True)):
        each.check(n, await answer)


async def test_an_executor(whole: Mesh, gateway: Peer, subject: Subject) -> None:
    others = [SUBJECTS[name] for name in whole.executors if name != subject.name]
    gateway_pid = whole.pid("gateway")
    call = gateway.compute.Compute(subject.endless)
    await runs(whole, subject.name, 1)
    answers = [
        asyncio.ensure_future(gateway.compute.Compute(other.quick(n), timeout=120))
        for n in range(100)
        for other in others
    ]
    orphans = processes.children(whole.pid(subject.name))
    killed = whole.kill(subject.name)
    lost = await refused(asyncio.wait_for(call, 30))
    assert (lost.code, lost.reason) == (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST")
    assert lost.metadata["executor"] == subject.name
    at = iter(answers)
    for n in range(100):
        for other in others:
            other.check(n, await next(at))
    await until(lambda: not any(map(processes.alive, orphans)), "its workers are gone")
    await whole.wait_serving(subject.name, not_pid=killed)

    async def served() -> bool:
        try:
            subject.check(1, await gateway.compute.Compute(subject.quick(1), timeout=30))
        except grpc.aio.AioRpcError:
            return False
        return True

    await until(served, "it is served again")
    assert whole.pid("gateway") == gateway_pid


async def test_the_gateway(whole: Mesh) -> None:
    subjects = [SUBJECTS[name] for name in whole.executors]
    async with rpc.connect(whole.address("gateway")) as peer:
        calls = [peer.compute.Compute(subject.endless) for subject in subjects]
        for subject in subjects:
            await runs(whole, subject.name, 1)
        pids = {name: whole.pid(name) for name in whole.executors}
        killed = whole.kill("gateway")
        for call in calls:
            found = await refused(asyncio.wait_for(call, 30))
            assert found.code == grpc.StatusCode.UNAVAILABLE
    # The endless work would go on for a minute; nobody waits for it any more.
    for subject in subjects:
        await runs(whole, subject.name, 0)
    await whole.wait_serving("gateway", not_pid=killed)
    async with rpc.connect(whole.address("gateway")) as peer:
        for subject in subjects:
            subject.check(5, await peer.compute.Compute(subject.quick(5), timeout=30))
    assert {name: whole.pid(name) for name in whole.executors} == pids
