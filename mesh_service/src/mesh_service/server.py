"""A gRPC server with what every service has: stack, health, reflection, metrics, graceful stop.

Rules: health is NOT_SERVING until the service says otherwise; the port is bound before anything is
loaded, so that Watch shows the whole start; the one line on stdout says that it serves, and where.
SIGTERM or SIGINT: NOT_SERVING, new calls are refused, what runs is finished, then it stops.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh_service import logs, stack
from mesh_service.metrics import Metrics
from mesh_service.settings import ServiceSettings, SettingsError, public

TRANSPORT_SLACK = 16 << 20
"""The transport's cap above the policy's, since its own refusal carries no details."""
REFUSED = 2
"""Exit status for settings that are wrong or a port that is taken."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)

Settings = TypeVar("Settings", bound=ServiceSettings)


class PortTaken(Exception):
    """The address cannot be bound."""

    def __init__(self, service: str, address: str) -> None:
        super().__init__(f"{service}: cannot bind {address}; the port is in use or not permitted")


class MeshServer:
    """One service's server."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.address = ""
        self.metrics_address = ""
        self._flight = stack.Flight(settings.service)
        self.metrics.in_flight.set_function(lambda: self._flight.count)
        largest = settings.max_request_bytes + TRANSPORT_SLACK
        self._server = grpc.aio.server(
            options=[
                *OPTIONS,
                ("grpc.max_receive_message_length", largest),
                ("grpc.max_send_message_length", -1),
            ]
        )
        self._health = health.aio.HealthServicer()
        self._services: list[str] = []
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    def add(self, service: str, methods: Mapping[str, tuple[str, stack.Handler]]) -> None:
        """Serve `service`: method → (kind, handler of bytes in, bytes out).

        Kinds: "unary", "stream", and "watch", a stream that never ends by itself.
        """
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for name, (kind, handler) in methods.items():
            flight = None if kind == "watch" else self._flight
            behaviour = stack.make(flight, self.metrics, name)(handler)
            make = {
                "unary": grpc.unary_unary_rpc_method_handler,
                "stream": grpc.unary_stream_rpc_method_handler,
                "watch": grpc.unary_stream_rpc_method_handler,
            }[kind]
            handlers[name] = make(behaviour)
        self._services.append(service)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, handlers),)
        )

    async def start(self) -> None:
        """Bind and listen; health says NOT_SERVING. Raises PortTaken."""
        settings = self.settings
        reflection.enable_server_reflection(
            (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        await self.set_serving(False)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            # gRPC would say it too, in a line of its own: ask the kernel first.
            _probe(settings.host, settings.port)
            port = self._server.add_insecure_port(f"{host}:{settings.port}")
        except (OSError, RuntimeError):
            raise PortTaken(settings.service, f"{host}:{settings.port}") from None
        try:
            metrics_port = self.metrics.serve(settings.host, settings.metrics_port)
        except OSError:
            raise PortTaken(settings.service, f"{host}:{settings.metrics_port} (metrics)") from None
        self.address, self.metrics_address = f"{host}:{port}", f"{host}:{metrics_port}"
        await self._server.start()
        logs.event("listening", address=self.address, metrics=self.metrics_address)

    async def set_serving(self, serving: bool) -> None:
        """Tell Check and Watch, for the whole server and for each service."""
        status = health_pb2.HealthCheckResponse
        value = status.SERVING if serving else status.NOT_SERVING
        for name in ("", *self._services):
            await self._health.set(name, value)

    async def set_health(self, name: str, serving: bool) -> None:
        """Tell Check and Watch of one part of the server, e.g. a plugin."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    def announce(self) -> None:
        """Write the one line on stdout; what start-up made stays for good."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        line = {
            "event": "serving",
            "service": self.settings.service,
            "address": self.address,
            "metrics": self.metrics_address,
            "pid": os.getpid(),
        }
        print(json.dumps(line), flush=True)

    async def stop(self) -> None:
        """Finish what runs, for `drain_s` at most, then stop."""
        self._flight.draining = True
        await self.set_serving(False)
        logs.event("draining", running=self._flight.count)
        try:
            async with asyncio.timeout(self.settings.drain_s):
                await self._flight.drained()
        except TimeoutError:
            logs.event("drain time is over", running=self._flight.count)
        # Watches never end by themselves: what is left now is cut off.
        await self._server.stop(0.1)
        await asyncio.to_thread(self.metrics.close)
        logs.event("stopped")


def run(
    kind: type[Settings], body: Callable[[Settings, MeshServer, asyncio.Event], Awaitable[None]]
) -> NoReturn:
    """Run a service: read settings, set up logs, then `body(settings, server, stopping)`.

    `body` adds its services, starts and announces the server, waits for `stopping`, and cleans up
    after itself; this ends the process with its status.
    """
    try:
        settings = kind.load()
    except SettingsError as error:
        sys.exit(_complain(f"{kind.service}: {error}"))
    buffer = logs.configure(settings.service, settings.log_format, settings.log_level)
    logs.event("starting", pid=os.getpid(), settings=json.dumps(public(settings)))
    status = 0
    try:
        asyncio.run(_main(settings, body, buffer.flush))
    except (PortTaken, SettingsError) as error:
        status = _complain(str(error))
    finally:
        buffer.flush()
    # Native libraries may have left threads that would delay the interpreter's end.
    sys.stdout.flush()
    os._exit(status)


async def _main(
    settings: Settings,
    body: Callable[[Settings, MeshServer, asyncio.Event], Awaitable[None]],
    flush: Callable[[], None],
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    async def flusher() -> None:
        while True:
            await asyncio.sleep(logs.FLUSH_S)
            flush()

    task = asyncio.create_task(flusher())
    try:
        await body(settings, MeshServer(settings), stopping)
    finally:
        task.cancel()


def _probe(host: str, port: int) -> None:
    """Raise OSError when the address cannot be bound."""
    if port:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()


def _complain(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return REFUSED
