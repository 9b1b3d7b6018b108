"""One executor as the gateway sees it: its channel, its slots, its offer, whether it is there.

Rules: WatchDescribe says all of it: while the watch runs and names algorithms the executor is
ready; when it breaks, whoever waits for a slot is told, and the watch is tried again until the
gateway stops. What an executor offered is still known while it is away, so that its callers hear
"not now" and not "no such thing". A description is a peer's bytes, hence untrusted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import grpc
from edgemesh.compute.v1 import algorithm_pb2, shared_memory_pb2
from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import DecodeError

from edgemesh_gateway.schedule import Lane
from mesh_service import errors, logs, translate

Metadata: TypeAlias = tuple[tuple[str, str], ...]

RETRY_AWAY_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
SHARED_MEMORY: str = shared_memory_pb2.DESCRIPTOR.services_by_name["SharedMemoryService"].full_name
SERVICE: str = executor_pb2.DESCRIPTOR.services_by_name["ExecutorService"].full_name
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # What never started is sent again by `dispatch`, once; gRPC's own way would keep every request.
    ("grpc.enable_retries", 0),
    # A connection of its own: never one that an earlier endpoint of this address left in ruins.
    ("grpc.use_local_subchannel_pool", 1),
    # An executor that died without a word is noticed within 15 seconds.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    # One that comes back is noticed within about a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.min_reconnect_backoff_ms", 2_000),
)


class Endpoint:
    """An executor at an address."""

    def __init__(self, name: str, address: str, lane: Lane, secret: str | None) -> None:
        self.name = name
        self.address = address
        self.lane = lane
        self.algorithms: tuple[algorithm_pb2.Algorithm, ...] = ()
        """What it offered last; in its order, the default version of a name last."""
        self.ready = False
        """Whether it is connected and offers something now."""
        self.program_namespaces: tuple[str, ...] = ()
        """Those in which it runs programs that the gateway keeps."""
        self.pid = 0
        """Its front's process id as last described."""
        self.identity: Metadata = () if secret is None else (("edgemesh-secret", secret),)
        """What makes it trust the gateway."""
        self.on_offer: Callable[[], None] = lambda: None
        """Called when `algorithms` has changed."""
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        path = f"/{SERVICE}/"
        # Without serializers: bytes in, bytes out.
        self.execute: Any = self._channel.unary_unary(f"{path}Execute")
        self.execute_stream: Any = self._channel.unary_stream(f"{path}ExecuteStream")
        self.prepare_program: Any = self._channel.unary_unary(f"{path}PrepareProgram")
        self.put_program: Any = self._channel.unary_unary(f"{path}PutProgram")
        self.prepare_environment: Any = self._channel.unary_stream(f"{path}PrepareEnvironment")
        self._describe: Any = self._channel.unary_unary(f"{path}Describe")
        self._watch: Any = self._channel.unary_stream(f"{path}WatchDescribe")
        self._known = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def method(self, service: str, name: str) -> Any:
        """A method of another of its services."""
        channel: Any = self._channel
        return channel.unary_unary(f"/{service}/{name}")

    def shared_memory(self, method: str) -> Any:
        """A method of its SharedMemoryService."""
        channel: Any = self._channel
        return channel.unary_unary(f"/{SHARED_MEMORY}/{method}")

    def follow(self) -> None:
        """Begin to follow it."""
        self._following = asyncio.create_task(self._follow(), name=f"follow {self.name}")

    async def known(self) -> None:
        """Wait until it has described itself, or was found to be away."""
        await self._known.wait()

    def away(self) -> errors.NotStarted:
        """The error of a request that cannot be sent."""
        return errors.NotStarted(self.name, RETRY_AWAY_S)

    async def answers(self, wait_s: float) -> bool:
        """Whether it is there, and offers something, within `wait_s` seconds."""
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            try:
                raw: bytes = await self._describe(
                    b"", timeout=left, wait_for_ready=True, metadata=self.identity
                )
                if executor_pb2.DescribeResponse.FromString(raw).algorithms:
                    return True
            except (grpc.aio.AioRpcError, DecodeError):
                # Among others: the question itself went out on the connection that broke.
                pass
            await asyncio.sleep(FIRST_PAUSE_S)
        return False

    async def close(self) -> None:
        """Stop following and disconnect."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._channel.close()

    async def _follow(self) -> None:
        pause = FIRST_PAUSE_S
        patient = False
        while True:
            # Only the first try ends at once where nobody listens: the start waits for it.
            watch = self._watch(b"", wait_for_ready=patient, metadata=self.identity)
            why = "it ended the watch"
            try:
                async for raw in watch:
                    self._take(raw)
                    pause = FIRST_PAUSE_S
            except grpc.aio.AioRpcError as error:
                why = f"{error.code().name}: {translate.reason_of(error) or error.details()}"
            except DecodeError:
                watch.cancel()
                why = "it sent what is no description"
            self._lose(why)
            patient = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _take(self, raw: bytes) -> None:
        now = executor_pb2.WatchDescribeResponse.FromString(raw).description
        if now.name != self.name:
            logs.event(
                "executor has another name",
                level=logging.WARNING,
                executor=self.name,
                address=self.address,
                name=now.name[:128],
            )
        self.pid = now.pid
        self.ready = bool(now.algorithms)
        if self.ready:
            self.algorithms = tuple(now.algorithms)
            self.program_namespaces = tuple(now.program_namespaces)
            self.lane.resize(max(1, now.capacity.slots))
            self.on_offer()
        logs.event(
            "executor described",
            executor=self.name,
            pid=now.pid,
            revision=now.revision,
            algorithms=len(now.algorithms),
            slots=now.capacity.slots,
        )
        self._known.set()

    def _lose(self, why: str) -> None:
        if self.ready or not self._known.is_set():
            logs.event(
                "executor away",
                level=logging.WARNING,
                executor=self.name,
                address=self.address,
                why=why,
            )
        self.ready = False
        self._known.set()
        self.lane.refuse(self.away)
