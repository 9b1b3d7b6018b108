"""The load that every target gets: some callers, each sending its next request when it is answered.

    python -m bench.load --address HOST:PORT --method /package.Service/Method --callers 16

Rules: a process of its own, the same for all targets; requests and answers are bytes; the first
answer is read and must be right, the others must be of its length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable

import grpc
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
ALGORITHM = "bench.echo"
WARM_UP_S = 0.3


def request(size: int) -> bytes:
    """A request for an echo of `size` bytes; 0: no tensor at all."""
    made = compute_pb2.ComputeRequest(algorithm=ALGORITHM)
    if size:
        made.inputs["x"].CopyFrom(
            tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[size], data=os.urandom(size))
        )
    return made.SerializeToString()


def right(sent: bytes, answer: bytes) -> bool:
    """Whether the tensor came back."""
    asked = compute_pb2.ComputeRequest.FromString(sent)
    got = compute_pb2.ComputeResponse.FromString(answer)
    return got.outcome == compute_pb2.OUTCOME_OK and got.outputs["x"].data == asked.inputs["x"].data


async def load(
    address: str, method: str, callers: int, size: int, seconds: float
) -> dict[str, float]:
    """Load a target; gives requests/s and the latency's p50 and p99 in microseconds."""
    sent = request(size)
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        call: Callable[..., grpc.aio.UnaryUnaryCall[bytes, bytes]] = channel.unary_unary(method)
        first = await call(sent, timeout=30, wait_for_ready=True)
        if not right(sent, first):
            raise SystemExit(f"{address}: a wrong answer")
        taken: list[float] = []
        now = time.perf_counter()
        measured, end = now + WARM_UP_S, now + WARM_UP_S + seconds

        async def caller() -> None:
            while (began := time.perf_counter()) < end:
                answer = await call(sent, timeout=30)
                if abs(len(answer) - len(first)) > 16:  # varints of times differ
                    raise SystemExit(f"{address}: an answer of another length")
                if began >= measured:
                    taken.append(time.perf_counter() - began)

        await asyncio.gather(*(caller() for _ in range(callers)))
    taken.sort()
    return {
        "p50_us": statistics.median(taken) * 1e6,
        "p99_us": taken[int(len(taken) * 0.99)] * 1e6,
        "per_s": len(taken) / (time.perf_counter() - measured),
    }


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--callers", type=int, default=1)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1.0)
    a = parser.parse_args()
    print(json.dumps(asyncio.run(load(a.address, a.method, a.callers, a.size, a.seconds))))


if __name__ == "__main__":
    main()
