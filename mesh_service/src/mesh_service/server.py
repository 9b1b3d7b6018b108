"""A gRPC server with what every service has: stack, health, reflection, metrics, graceful stop.

Rules: health is NOT_SERVING until the service says otherwise; the port is bound before anything is
loaded, so that Watch shows the whole start; the one line on stdout says that it serves, and where.
SIGTERM or SIGINT: NOT_SERVING, new calls are refused, what runs is finished, then it stops.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh_service import logs, setups, stack, tracing
from mesh_service.metrics import Metrics
from mesh_service.settings import ServiceSettings, public

TRANSPORT_SLACK = 16 << 20
"""The transport's cap above the policy's, since its own refusal carries no details."""
CUT_OFF_S = 0.1
"""What calls are given that still run when the drain time is over."""
REFUSED = 2
"""Exit status where the set-up is wrong (docs/setups.md): started again as it is, it ends again."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)


def _no_metadata(record: logging.LogRecord) -> bool:
    """Whether a line of gRPC's own may be logged: one about metadata that is no text shows it."""
    return not str(record.msg).startswith("Invalid encoding")


logging.getLogger("grpc._cython.cygrpc").addFilter(_no_metadata)

Settings = TypeVar("Settings", bound=ServiceSettings)
BACKLOG = 1024


class Front(Protocol):
    """What owns the public port and passes on to the server what it does not answer itself."""

    inner: Path
    """The unix socket on which the server listens to it, where nobody else can reach it."""

    def start(self, listeners: Sequence[socket.socket]) -> None:
        """Serve on listening sockets, which are its own from now on."""

    def in_flight(self) -> int:
        """How many calls it answers itself now."""
        ...

    async def drained(self) -> None:
        """Answer nothing itself from now on, and wait until nothing that it does runs."""

    async def stop(self, grace_s: float) -> None:
        """Close all connections, after `grace_s` at most."""


class PortTaken(Exception):
    """The address cannot be bound."""

    def __init__(
        self, service: str, address: str, why: str = "the port is in use or not permitted"
    ) -> None:
        super().__init__(f"{service}: cannot bind {address}; {why}")


class MeshServer:
    """One service's server."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.address = ""
        self.metrics_address = ""
        self.http_address = ""
        """Where a service that serves HTTP too does so; empty: nowhere."""
        self.handlers: dict[str, stack.Handler] = {}
        """What is served, by service/method, for those who do not come by gRPC."""
        self.serving = False
        """What health says of the whole server."""
        self.announced = False
        """Whether it has served: what fails from then on is no matter of how it was set up."""
        self._flight = stack.Flight(settings.service)
        self._front: Front | None = None
        self._credentials: grpc.ServerCredentials | None = None
        self._certificates: deque[grpc.ServerCertificateConfiguration] = deque(maxlen=1)
        self.metrics.in_flight.set_function(self._in_flight)
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

        Kinds: "unary", "stream", "watch", a stream that never ends by itself, and "duplex", whose
        handler is given an iterator of messages.
        """
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for name, (kind, handler) in methods.items():
            flight = None if kind == "watch" else self._flight
            layered = stack.layered(flight, self.metrics, handler)
            self.handlers[f"{service}/{name}"] = layered
            behaviour = stack.answered(name, layered)
            make = {
                "unary": grpc.unary_unary_rpc_method_handler,
                "stream": grpc.unary_stream_rpc_method_handler,
                "watch": grpc.unary_stream_rpc_method_handler,
                "duplex": grpc.stream_stream_rpc_method_handler,
            }[kind]
            handlers[name] = make(behaviour)
        self._services.append(service)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, handlers),)
        )

    def secure(self, chain: bytes, key: bytes, callers: bytes | None = None) -> None:
        """Speak TLS on the port, by a certificate chain and its key in PEM; before `start`.

        `callers`: authorities; every caller has to show a certificate of theirs then. Said again
        with others, new connections see these.
        """
        now = grpc.ssl_server_certificate_configuration([(key, chain)], callers)
        self._certificates.append(now)
        if self._credentials is None:
            newest = cast(Any, self._newest)  # grpcio takes None; its stubs do not
            self._credentials = grpc.dynamic_ssl_server_credentials(
                self._certificates.pop(), newest, callers is not None
            )

    def _newest(self) -> grpc.ServerCertificateConfiguration | None:
        """What a connection sees from now on; None: what the last one saw. On gRPC's threads."""
        try:
            return self._certificates.pop()
        except IndexError:
            return None

    def stand_behind(self, front: Front) -> None:
        """Leave the public port to `front`; before `start`."""
        self._front = front

    async def start(self) -> None:
        """Bind and listen; health says NOT_SERVING. Raises PortTaken."""
        settings = self.settings
        reflection.enable_server_reflection(
            (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        await self.set_serving(False)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            listeners: list[socket.socket] = []
            if self._front is None:
                # gRPC would say it too, in a line of its own: ask the kernel first.
                _probe(settings.host, settings.port)
                port = self._bind(f"{host}:{settings.port}")
            else:
                self._server.add_insecure_port(f"unix:{self._front.inner}")
                listeners = listen(settings.host, settings.port)
                port = int(listeners[0].getsockname()[1])
        except (OSError, RuntimeError) as error:
            why = _unbound(error, settings, "PORT")
            raise PortTaken(settings.service, f"{host}:{settings.port}", why) from None
        try:
            metrics_port = self.metrics.serve(settings.host, settings.metrics_port)
        except OSError as error:
            for listener in listeners:
                listener.close()
            address = f"{host}:{settings.metrics_port} (metrics)"
            why = _unbound(error, settings, "METRICS_PORT")
            raise PortTaken(settings.service, address, why) from None
        self.address, self.metrics_address = f"{host}:{port}", f"{host}:{metrics_port}"
        await self._server.start()
        if self._front is not None:
            self._front.start(listeners)
        logs.event("listening", address=self.address, metrics=self.metrics_address)

    async def set_serving(self, serving: bool) -> None:
        """Tell Check and Watch, for the whole server and for each service."""
        status = health_pb2.HealthCheckResponse
        value = status.SERVING if serving else status.NOT_SERVING
        self.serving = serving
        for name in ("", *self._services):
            await self._health.set(name, value)

    async def set_health(self, name: str, serving: bool) -> None:
        """Tell Check and Watch of one part of the server, e.g. a plugin."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    def announce(self) -> None:
        """Write the one line on stdout; what start-up made stays for good."""
        self.announced = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        line = {
            "event": "serving",
            "service": self.settings.service,
            "address": self.address,
            "metrics": self.metrics_address,
            **({"http": self.http_address} if self.http_address else {}),
            "pid": os.getpid(),
        }
        print(json.dumps(line), flush=True)

    async def stop(self) -> None:
        """Finish what runs, for `drain_s` at most, then stop."""
        self._flight.draining = True
        await self.set_serving(False)
        logs.event("draining", running=self._in_flight())
        try:
            async with asyncio.timeout(self.settings.drain_s):
                if self._front is not None:
                    await self._front.drained()
                await self._flight.drained()
        except TimeoutError:
            logs.event("drain time is over", running=self._in_flight())
        # Watches never end by themselves: what is left now is cut off.
        await self._server.stop(CUT_OFF_S)
        if self._front is not None:
            await self._front.stop(CUT_OFF_S)
        await asyncio.to_thread(self.metrics.close)
        logs.event("stopped")

    def _bind(self, address: str) -> int:
        if self._credentials is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, self._credentials)

    def _in_flight(self) -> int:
        return self._flight.count + (self._front.in_flight() if self._front else 0)


def run(
    kind: type[Settings], body: Callable[[Settings, MeshServer, asyncio.Event], Awaitable[None]]
) -> NoReturn:
    """Run a service: read settings, set up logs, then `body(settings, server, stopping)`.

    `body` adds its services, starts and announces the server, waits for `stopping`, and cleans up
    after itself; this ends the process with its status.
    """
    try:
        settings = kind.load()
    except setups.BadSetup as error:
        sys.exit(_complain(f"{kind.service}: {error}"))
    buffer = logs.configure(settings.service, settings.log_format, settings.log_level)
    if settings.traces:
        try:
            tracing.configure(settings.service, settings.traces, settings.trace_roots)
        except (OSError, ValueError) as error:
            sys.exit(_complain(f"{settings.service}: EDGEMESH_TRACES: {error}"))
    logs.event("starting", pid=os.getpid(), settings=json.dumps(public(settings)))
    status = 0
    try:
        asyncio.run(_main(settings, body, buffer.flush))
    except PortTaken as error:
        status = _complain(str(error))
    except setups.BadSetup as error:
        status = _complain(f"{settings.service}: {error}")
    finally:
        tracing.close()
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
    mesh = MeshServer(settings)
    try:
        await body(settings, mesh, stopping)
    except (OSError, MemoryError) as error:
        told = setups.no_memory() if isinstance(error, MemoryError) else setups.of(error, "set-up")
        if mesh.announced or told is None:
            raise
        raise told from error
    finally:
        task.cancel()


def _unbound(error: Exception, settings: ServiceSettings, name: str) -> str:
    """Why an address cannot be bound, and what mends it."""
    port, host = f"{settings.prefix()}{name}", f"{settings.prefix()}HOST"
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number < 0:  # of getaddrinfo
        return f"its name is not known here: set {host} to an address, or mend the names"
    match number:
        case errno.EADDRINUSE:
            return f"the port is in use: end what has it (ss -ltnp), or set {port} to another"
        case errno.EACCES:
            return f"the port is not permitted: set {port} to one above 1023"
        case errno.EADDRNOTAVAIL:
            return f"it is no address of this machine: set {host} to one that is"
        case _:
            return "the port is in use or not permitted"


def _probe(host: str, port: int) -> None:
    """Raise OSError when the address cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of a host, of one port. Raises OSError."""
    listeners: list[socket.socket] = []
    for family, *_, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        try:
            made = socket.create_server(
                (str(address[0]), port),
                family=family,
                backlog=BACKLOG,
                dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            # A machine without IPv6 may still name it for localhost.
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue
            for listener in listeners:
                listener.close()
            raise
        listeners.append(made)
        port = int(made.getsockname()[1])
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, f"no address of {host} can be bound")
    return listeners


def _complain(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return REFUSED
