"""The least that is an executor: a grpcio aio server that answers with its request's own bytes.

    python -m bench.targets.raw PORT [SLOTS MILLISECONDS]

Rules: it answers at once, or after as long as it is told, and says that it has so many slots. No
pool, no checks; with it a hop's own cost shows, since next to nothing else is left. A request's
inputs (field 15) are a response's outputs (field 15) on the wire, so the answer is outcome OK and
the request's bytes from there on.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from edgemesh.executor.v1 import executor_pb2

OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # As every service of the mesh: who follows it pings it.
    ("grpc.http2.max_ping_strikes", 0),
)
SERVICE = "edgemesh.executor.v1.ExecutorService"
HEAD = compute_pb2.ComputeRequest(algorithm="bench.echo").SerializeToString()
OK = compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK).SerializeToString()


def description(slots: int) -> executor_pb2.DescribeResponse:
    """What it says of itself."""
    return executor_pb2.DescribeResponse(
        name="raw",
        version="1",
        revision=1,
        pid=os.getpid(),
        algorithms=[algorithm_pb2.Algorithm(name="bench.echo", version="1", any_inputs=True)],
        capacity=executor_pb2.Capacity(workers=1, slots=slots, queue=1024),
    )


async def main(port: int, slots: int = 1024, milliseconds: int = 0) -> None:
    """Serve until killed."""
    told = description(slots)

    async def execute(request: bytes, _: Any) -> bytes:
        if milliseconds:
            await asyncio.sleep(milliseconds / 1e3)
        return OK + request[len(HEAD) :]

    async def describe(_: bytes, __: Any) -> bytes:
        return told.SerializeToString()

    async def watch(_: bytes, __: Any) -> AsyncIterator[bytes]:
        yield executor_pb2.WatchDescribeResponse(description=told).SerializeToString()
        await asyncio.Event().wait()

    server = grpc.aio.server(options=OPTIONS)
    handlers = {
        "Execute": grpc.unary_unary_rpc_method_handler(execute),
        "Describe": grpc.unary_unary_rpc_method_handler(describe),
        "WatchDescribe": grpc.unary_stream_rpc_method_handler(watch),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
