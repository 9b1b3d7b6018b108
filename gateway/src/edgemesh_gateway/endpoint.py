"""One replica of an executor: its channel, its slots, its offer, whether it is there.

Rules: WatchDescribe says all of it: while the watch runs and names algorithms the replica is
ready; when it breaks, the executor is told, and the watch is tried again until the gateway stops.
What a replica offered is still known while it is away, so that its callers hear
"not now" and not "no such thing". A description is a peer's bytes, hence untrusted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import grpc
from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import DecodeError

from mesh_service import errors, logs, translate

Metadata: TypeAlias = tuple[tuple[str, str], ...]

RETRY_AWAY_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
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
    # Also where its name has led nowhere, or to an address that it had before: half a minute else.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.min_reconnect_backoff_ms", 2_000),
)


class Endpoint:
    """A replica of an executor, at an address."""

    def __init__(self, name: str, address: str, secret: str | None) -> None:
        self.name = name
        """The executor's."""
        self.address = address
        self.algorithms: tuple[algorithm_pb2.Algorithm, ...] = ()
        """What it offered last; in its order, the default version of a name last."""
        self.names: frozenset[str] = frozenset()
        """What these are called, with and without a version."""
        self.slots = 1
        """How many requests it said that it runs at once."""
        self.connected = False
        """Whether it is there."""
        self.ready = False
        """Whether it is there and offers something now."""
        self.program_namespaces: tuple[str, ...] = ()
        """Those in which it runs programs that the gateway keeps."""
        self.pid = 0
        """Its front's process id as last described."""
        self.identity: Metadata = () if secret is None else (("edgemesh-secret", secret),)
        """What makes it trust the gateway."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when it has described itself, or left."""
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

    def follow(self) -> None:
        """Begin to follow it."""
        self._following = asyncio.create_task(self._follow(), name=f"follow {self.name}")

    async def known(self) -> None:
        """Wait until it has described itself, or was found to be away."""
        await self._known.wait()

    def away(self) -> errors.NotStarted:
        """The error of a request that cannot be sent."""
        return errors.NotStarted(self.name, RETRY_AWAY_S)

    def leave(self) -> None:
        """It says that it is stopping: it is not ready any more, whatever its watch does."""
        self.ready = False
        self.on_change()

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
        self.connected = True
        self.ready = bool(now.algorithms)
        if self.ready:
            self.algorithms = tuple(now.algorithms)
            self.names = frozenset(names_of(self.algorithms))
            self.program_namespaces = tuple(now.program_namespaces)
            self.slots = max(1, now.capacity.slots)
        logs.event(
            "executor described",
            executor=self.name,
            address=self.address,
            pid=now.pid,
            revision=now.revision,
            algorithms=len(now.algorithms),
            slots=now.capacity.slots,
        )
        self.on_change()
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
        self.connected = self.ready = False
        self.on_change()
        self._known.set()


def names_of(algorithms: Iterable[algorithm_pb2.Algorithm]) -> Iterator[str]:
    """By which they can be called."""
    for algorithm in algorithms:
        yield algorithm.name
        yield f"{algorithm.name}@{algorithm.version}"
