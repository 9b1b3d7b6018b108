"""An executor that does not keep to the contract: garbage, twice, late, never; by bytes alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from edgemesh.executor.v1 import executor_pb2

GARBAGE = b"\xff\xfe\x0a\xff\xff\xff\xff\x7f" * 3
ALGORITHMS = ("fake.echo", "python.run", "ml.generate")


class RogueExecutor(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers a method as `does` says; else as it should be, or with garbage."""

    def __init__(self) -> None:
        self.does: dict[str, str] = {}
        """Method → what it does."""
        self.port = 0
        self.asked: list[str] = []
        self.cancelled = 0
        self._server: Any = None

    async def start(self) -> RogueExecutor:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def stop(self) -> None:
        """A server that is collected after its loop has ended tells of that in other tests, so it
        goes now: it has this as its handler."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method.rpartition("/")[2]

        async def behave(_: bytes, context: Any) -> AsyncIterator[bytes]:
            self.asked.append(method)
            try:
                async for each in self._answers(method, context):
                    yield each
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

        # A stream may have any number of messages, also where one is promised.
        made: Any = grpc
        return made.unary_stream_rpc_method_handler(behave)

    async def _answers(self, method: str, context: Any) -> AsyncIterator[bytes]:
        right = _right(method)
        match self.does.get(method, "right" if right else "garbage"):
            case "right":
                yield right
                if method == "WatchDescribe":
                    await asyncio.Event().wait()
            case "garbage":
                yield GARBAGE
            case "twice":
                yield right
                yield right
            case "nothing":
                return
            case "never":
                await asyncio.Event().wait()
            case "started and never":
                await context.send_initial_metadata((("edgemesh-started", "1"),))
                await asyncio.Event().wait()
            case "odd details":
                odd = (("grpc-status-details-bin", GARBAGE),)
                await context.abort(grpc.StatusCode.ABORTED, "\x00\n é", odd)
            case "odd status":
                await context.abort(grpc.StatusCode.DATA_LOSS, "x" * 3000)
            case "raises":
                raise RuntimeError("as its code does")
            case _:
                raise AssertionError(self.does[method])


def _right(method: str) -> bytes:
    response = compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK, algorithm="fake.echo@1")
    match method:
        case "Describe":
            return _description().SerializeToString()
        case "WatchDescribe":
            told = executor_pb2.WatchDescribeResponse(description=_description())
            return told.SerializeToString()
        case "Execute":
            return response.SerializeToString()
        case "ExecuteStream":
            return compute_pb2.ComputeEvent(sequence=1, response=response).SerializeToString()
        case _:
            return b""


def _description() -> executor_pb2.DescribeResponse:
    return executor_pb2.DescribeResponse(
        name="fake",
        algorithms=[
            algorithm_pb2.Algorithm(name=name, version="1", parameters_schema="{}")
            for name in ALGORITHMS
        ],
        capacity=executor_pb2.Capacity(slots=2),
        program_namespaces=["python"],
    )
