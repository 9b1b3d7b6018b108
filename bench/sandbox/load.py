"""Callers of `print(2+2)`, each sending its next request when it is answered.

    python -m bench.sandbox.load --address HOST:PORT --callers 64 (--seconds 60 | --runs 1000)

Rules: a process of its own; every answer is read and must be right. With `--tenants N` the callers
name N tenants in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable

import grpc
from edgemesh.compute.v1 import compute_pb2

EXECUTE = "/edgemesh.executor.v1.ExecutorService/Execute"
REQUEST = compute_pb2.ComputeRequest(
    algorithm="python.run", parameters=json.dumps({"code": "print(2+2)"})
).SerializeToString()


async def load(
    address: str, method: str, callers: int, runs: int, seconds: float, tenants: int
) -> dict[str, object]:
    """Runs per second, errors by kind, and this process's processor time."""
    errors: Counter[str] = Counter()
    numbers = itertools.count()
    done = 0
    async with grpc.aio.insecure_channel(address) as channel:
        call: Callable[..., grpc.aio.UnaryUnaryCall[bytes, bytes]] = channel.unary_unary(method)
        await call(REQUEST, timeout=30, wait_for_ready=True)
        began, cpu = time.perf_counter(), time.process_time()
        end = began + seconds

        async def caller() -> None:
            nonlocal done
            while (number := next(numbers)) < runs and time.perf_counter() < end:
                tenant = f"tenant-{number % tenants}"
                try:
                    raw = await call(REQUEST, timeout=30, metadata=(("edgemesh-tenant", tenant),))
                except grpc.aio.AioRpcError as error:
                    errors[error.code().name] += 1
                    continue
                answer = compute_pb2.ComputeResponse.FromString(raw)
                if answer.outcome != compute_pb2.OUTCOME_OK or answer.stdout != "4\n":
                    errors[compute_pb2.Outcome.Name(answer.outcome)] += 1
                done += 1

        await asyncio.gather(*(caller() for _ in range(callers)))
        taken = time.perf_counter() - began
    return {
        "runs": done,
        "per_s": done / taken,
        "errors": sum(errors.values()),
        "kinds": errors,
        "cpu_s": time.process_time() - cpu,
    }


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--method", default=EXECUTE)
    parser.add_argument("--callers", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1 << 60)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--tenants", type=int, default=1)
    a = parser.parse_args()
    work = load(a.address, a.method, a.callers, a.runs, a.seconds, a.tenants)
    print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
