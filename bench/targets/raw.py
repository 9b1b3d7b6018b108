"""The least that is an executor: a grpcio aio server that answers with its request's own bytes.

    python -m bench.targets.raw PORT

Rules: no pool, no checks; with it a hop's own cost shows, since next to nothing else is left. A
request's inputs (field 15) are a response's outputs (field 15) on the wire, so the answer is
outcome OK and the request's bytes from there on.
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
DESCRIPTION = executor_pb2.DescribeResponse(
    name="raw",
    version="1",
    revision=1,
    pid=os.getpid(),
    algorithms=[algorithm_pb2.Algorithm(name="bench.echo", version="1", any_inputs=True)],
    capacity=executor_pb2.Capacity(workers=1, slots=1024, queue=1024),
)


async def execute(request: bytes, _: Any) -> bytes:
    """Answer at once."""
    return OK + request[len(HEAD) :]


async def describe(_: bytes, __: Any) -> bytes:
    """Say what it is."""
    return DESCRIPTION.SerializeToString()


async def watch(_: bytes, __: Any) -> AsyncIterator[bytes]:
    """Say what it is, and that it stays so."""
    yield executor_pb2.WatchDescribeResponse(description=DESCRIPTION).SerializeToString()
    await asyncio.Event().wait()


async def main(port: int) -> None:
    """Serve until killed."""
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
    asyncio.run(main(int(sys.argv[1])))
