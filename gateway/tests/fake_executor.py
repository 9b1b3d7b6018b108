"""An executor without algorithms of its own, for the gateway's tests: a real gRPC server.

What a request does follows from its parameters: `{"do": "echo" | "hold" | "die" | "fail" | …}`.
Run as a process it tells on stdout, one JSON line each, what happens to it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import grpc
from edgemesh.compute.v1 import (
    algorithm_pb2,
    compute_pb2,
    environment_pb2,
    session_pb2_grpc,
    shared_memory_pb2,
    shared_memory_pb2_grpc,
)
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from fake_sessions import FakeSessions

from mesh_service import errors, translate

STARTED = (("edgemesh-started", "1"),)
Context = Any


def algorithm(name: str) -> algorithm_pb2.Algorithm:
    """`name@version`, version 1 when left out."""
    base, _, version = name.partition("@")
    return algorithm_pb2.Algorithm(
        name=base, version=version or "1", parameters_schema='{"type": "object"}'
    )


class FakeExecutor(
    executor_pb2_grpc.ExecutorServiceServicer,
    shared_memory_pb2_grpc.SharedMemoryServiceServicer,
):
    """Runs what the parameters say, and remembers what it ran."""

    def __init__(
        self,
        name: str = "fake",
        slots: int = 2,
        algorithms: tuple[str, ...] = ("fake.echo",),
        calm: bool = False,
        secret: str = "",
        tell: Callable[..., None] | None = None,
    ) -> None:
        self.name, self.slots, self.calm, self.secret = name, slots, calm, secret
        self.began: list[str] = []
        """Request ids, in order of arrival."""
        self.tenants: list[str] = []
        """Of each that began."""
        self.running: int = 0
        self.most_running = 0
        self.cancelled: int = 0
        self.sent = 0
        """Events that a stream took, beside the last."""
        self.release = asyncio.Event()
        self.programs: list[str] = []
        """Digests of those that were put there."""
        self.environments: list[str] = []
        """Locks of those that were made."""
        self.program_namespaces: tuple[str, ...] = ()
        self.metadata: dict[str, str | bytes] = {}
        self.sessions = FakeSessions()
        self.keeps_sessions = True
        self.port = 0
        self._tell = tell or nothing
        self._revision = 0
        self._changed = asyncio.Condition()
        self._algorithms = algorithms
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> FakeExecutor:
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        )
        executor_pb2_grpc.add_ExecutorServiceServicer_to_server(self, self._server)
        shared_memory_pb2_grpc.add_SharedMemoryServiceServicer_to_server(self, self._server)
        self.also(self._server)
        if self.keeps_sessions:
            session_pb2_grpc.add_SessionServiceServicer_to_server(self.sessions, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return self

    def also(self, server: grpc.aio.Server) -> None:
        """What else it serves."""

    async def stop(self, grace: float | None = None) -> None:
        assert self._server is not None
        await self._server.stop(grace)

    async def offer(self, *algorithms: str, slots: int | None = None) -> None:
        """Describe something else from now on."""
        async with self._changed:
            self._algorithms, self.slots = algorithms, slots or self.slots
            self._revision += 1
            self._changed.notify_all()

    def description(self) -> executor_pb2.DescribeResponse:
        return executor_pb2.DescribeResponse(
            name=self.name,
            version="0",
            revision=self._revision,
            program_namespaces=self.program_namespaces,
            pid=os.getpid(),
            algorithms=[algorithm(name) for name in self._algorithms],
            capacity=executor_pb2.Capacity(workers=self.slots, slots=self.slots, queue=8),
        )

    async def _authenticate(self, context: Context) -> None:
        self.metadata = dict(context.invocation_metadata())
        if self.secret and self.metadata.get("edgemesh-secret") != self.secret:
            await refuse(context, errors.Unauthenticated("the secret"))

    async def RegisterSharedMemory(
        self, request: shared_memory_pb2.RegisterSharedMemoryRequest, context: Context
    ) -> shared_memory_pb2.RegisterSharedMemoryResponse:
        await self._authenticate(context)
        region = shared_memory_pb2.SharedMemoryRegion(
            name=request.name, size=request.size, owner_pid=request.owner_pid
        )
        return shared_memory_pb2.RegisterSharedMemoryResponse(region=region)

    async def SharedMemoryStatus(
        self, request: Any, context: Context
    ) -> shared_memory_pb2.SharedMemoryStatusResponse:
        await self._authenticate(context)
        return shared_memory_pb2.SharedMemoryStatusResponse()

    async def UnregisterSharedMemory(
        self, request: Any, context: Context
    ) -> shared_memory_pb2.UnregisterSharedMemoryResponse:
        await self._authenticate(context)
        return shared_memory_pb2.UnregisterSharedMemoryResponse()

    async def Describe(self, request: Any, context: Context) -> executor_pb2.DescribeResponse:
        await self._authenticate(context)
        return self.description()

    async def WatchDescribe(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request: Any, context: Context
    ) -> None:
        await self._authenticate(context)
        seen = -1
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda seen=seen: self._revision != seen)
                seen = self._revision
            await context.write(executor_pb2.WatchDescribeResponse(description=self.description()))

    async def PrepareProgram(
        self, request: executor_pb2.PrepareProgramRequest, context: Context
    ) -> executor_pb2.PrepareProgramResponse:
        await self._authenticate(context)
        program = request.program
        if program.code == "wrong":
            await refuse(context, errors.InvalidRequest([errors.Violation("code", "right")]))
        program.algorithm.parameters_schema = program.algorithm.parameters_schema or "{}"
        raw = program.SerializeToString(deterministic=True)
        return executor_pb2.PrepareProgramResponse(program=raw)

    async def PutProgram(
        self, request: executor_pb2.PutProgramRequest, context: Context
    ) -> executor_pb2.PutProgramResponse:
        await self._authenticate(context)
        digest = hashlib.sha256(request.program).hexdigest()
        self.programs.append(digest)
        return executor_pb2.PutProgramResponse(digest=digest)

    async def PrepareEnvironment(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request: executor_pb2.PrepareEnvironmentRequest, context: Context
    ) -> None:
        await self._authenticate(context)
        lock = request.lock or f"{request.dependencies[0]}==1"
        made = environment_pb2.Environment(id=hashlib.sha256(lock.encode()).hexdigest(), lock=lock)
        self.environments.append(lock)
        event = environment_pb2.CreateEnvironmentResponse(environment=made)
        await context.write(executor_pb2.PrepareEnvironmentResponse(event=event))

    async def Execute(
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> compute_pb2.ComputeResponse:
        await self._authenticate(context)
        wanted = self.metadata.get("edgemesh-program")
        if wanted is not None and wanted not in self.programs:
            await refuse(context, errors.UnknownProgram(str(wanted)))
        return await self._counted(request, context)

    async def ExecuteStream(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> None:
        await self._authenticate(context)
        asked = json.loads(request.parameters or "{}")
        events, message = asked.get("events", 0), "x" * asked.get("size", 0)
        for number in range(events):
            progress = compute_pb2.ProgressEvent(fraction=number, message=message)
            await context.write(compute_pb2.ComputeEvent(sequence=number + 1, progress=progress))
            self.sent += 1
        response = await self._counted(request, context)
        await context.write(compute_pb2.ComputeEvent(sequence=events + 1, response=response))

    async def _counted(
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> compute_pb2.ComputeResponse:
        self.began.append(request.request_id)
        self.tenants.append(str(self.metadata.get("edgemesh-tenant", "")))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._tell(event="begin", id=request.request_id)
        try:
            return await self._run(request, context)
        except asyncio.CancelledError:
            self.cancelled += 1
            self._tell(event="cancelled", id=request.request_id)
            raise
        finally:
            self.running -= 1

    async def _run(
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> compute_pb2.ComputeResponse:
        asked = json.loads(request.parameters or "{}")
        what, tokens = asked.get("do", "echo"), asked.get("tokens", (0, 0))
        if self.calm and what.startswith(("die", "break", "leave")):
            what = "echo"
        match what:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die started":
                await context.send_initial_metadata(STARTED)
                self._tell(event="started", id=request.request_id)
                await asyncio.Event().wait()
            case "hold":
                await context.send_initial_metadata(STARTED)
                await self.release.wait()
            case "hold unstarted":
                await self.release.wait()
            case "fail":
                await refuse(
                    context,
                    errors.InvalidParameter([errors.Violation("parameters.n", "an integer")]),
                )
            case "refuse":
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much")
            case "leave":
                await refuse(context, errors.ShuttingDown(self.name))
            case "break":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            case "break when released":
                await self.release.wait()
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            case "break started":
                await context.send_initial_metadata(STARTED)
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            case _:
                pass
        return compute_pb2.ComputeResponse(
            request_id=request.request_id or str(self.metadata["edgemesh-request-id"]),
            outcome=compute_pb2.OUTCOME_OK,
            algorithm=request.algorithm,
            usage=compute_pb2.Usage(
                executor=self.name,
                executor_pid=os.getpid(),
                queue_us=11,
                run_us=222,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            ),
            result=json.dumps(
                asked
                if what == "say"
                else {
                    "left": context.time_remaining(),
                    **{k: v for k, v in self.metadata.items() if isinstance(v, str)},
                }
            ),
            outputs=request.inputs,
        )


def nothing(**_: Any) -> None:
    """Tell nobody."""


async def refuse(context: Context, error: errors.MeshError) -> None:
    """Abort with a rich status, as every service of the mesh does."""
    status = translate.to_status(error)
    await context.abort(
        translate.verdict(error).code,
        status.message,
        ((translate.DETAILS_KEY, status.SerializeToString()),),
    )


def tell(**fields: Any) -> None:
    print(json.dumps({**fields, "pid": os.getpid(), "at": time.monotonic()}), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--calm", action="store_true")
    options = parser.parse_args()
    fake = FakeExecutor(slots=options.slots, calm=options.calm, tell=tell)
    await fake.start(options.port)
    tell(event="listening", port=fake.port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
