"""What a plugin does to its process costs that process, and nobody else a call."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TESTING
from edgemesh.compute.v1 import compute_pb2
from loading.workshop import BOUND_S, Executor, Workshop, put, until

Start = Callable[..., Executor]
CRASH, OK = compute_pb2.OUTCOME_CRASH, compute_pb2.OUTCOME_OK
WAYS: dict[str, tuple[compute_pb2.Outcome.ValueType, str]] = {
    "stack overflow": (CRASH, "SIGSEGV"),
    "abort": (CRASH, "SIGABRT"),
    "terminate": (CRASH, "SIGABRT"),
    "throw while unwinding": (CRASH, "SIGABRT"),
    "exit": (CRASH, "status 0"),
    "overrun": (CRASH, "SIGABRT"),
    "close descriptors": (CRASH, ""),
    "leak": (compute_pb2.OUTCOME_MEMORY_LIMIT, "memory_bytes"),
    "spin": (compute_pb2.OUTCOME_TIMEOUT, "run_time_ms"),
    # These answer; the process that they have changed is replaced.
    "locale": (OK, ""),
    "signal handler": (OK, ""),
    "working directory": (OK, ""),
    "rounding": (OK, ""),
}
REPLACED = {"locale", "signal handler", "working directory"}
CALLS = 100


@pytest.mark.parametrize("how", WAYS)
async def test_it_costs_its_caller_only(
    start: Start, workshop: Workshop, folder: Path, how: str
) -> None:
    put(workshop.make(), folder)
    put(TESTING / "testing.so", folder, "testing")
    executor = start(workers=2, spares=1)
    outcome, detail = WAYS[how]
    bad = asyncio.create_task(misbehave(executor, how))
    good = [executor.answer(ms=5) for _ in range(CALLS)]
    assert await asyncio.gather(*good) == [1] * CALLS
    response = await bad
    assert response.outcome == outcome, response
    assert detail in str(response.failure)
    # The same plugin's other workers, and the one in its place, are as they should be.
    fine = await asyncio.gather(*(sleeps(executor) for _ in range(6)))
    assert {each.outcome for each in fine} == {OK}
    if how in REPLACED:
        await until(lambda: ended(response.usage.worker_pid), "its process ends")
    elif outcome == OK:
        os.kill(response.usage.worker_pid, 0)  # it is still there


def test_every_way_is_looked_at() -> None:
    source = Path(__file__).parents[3] / "cpp_plugins" / "testing" / "misbehave.cpp"
    assert set(re.findall(r'\{"([a-z ]+)",', source.read_text())) == set(WAYS)


async def misbehave(executor: Executor, how: str) -> compute_pb2.ComputeResponse:
    request = compute_pb2.ComputeRequest(
        algorithm="cpp.test_misbehave",
        parameters=json.dumps({"how": how}),
        limits=compute_pb2.Limits(run_time_ms=2000, memory_bytes=256 << 20),
    )
    return await executor.stub.Execute(request, timeout=BOUND_S)


async def sleeps(executor: Executor) -> compute_pb2.ComputeResponse:
    request = compute_pb2.ComputeRequest(
        algorithm="cpp.test_sleep", parameters=json.dumps({"seconds": 0.01})
    )
    return await executor.stub.Execute(request, timeout=BOUND_S)


async def ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"
