"""A service's Prometheus metrics, on a port of their own.

Rules: one registry per service object, none global; label values come from closed sets (methods,
status codes, verdicts), never from a caller.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class _First(Collector):
    """Asked before all others, it has what is not counted yet counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        self._metrics.catch_up()
        return ()


class Metrics:
    """The figures that every service keeps; others are added to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.catch_up: Callable[[], None] = lambda: None
        """Called before figures are read, in whatever thread reads them."""
        self.registry.register(_First(self))
        self._calls = Counter(
            "edgemesh_rpcs", "RPCs answered", ("method", "code"), registry=self.registry
        )
        self._seconds = Histogram(
            "edgemesh_rpc_seconds",
            "Time to answer an RPC",
            ("method",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("edgemesh_rpcs_in_flight", "RPCs running", registry=self.registry)
        self._cache: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._server: tuple[WSGIServer, Thread] | None = None
        self._address = "", 0

    def observe(self, method: str, code: str, seconds: float) -> None:
        """Count one RPC."""
        pair = self._cache.get((method, code))
        if pair is None:
            pair = (self._calls.labels(method, code), self._seconds.labels(method))
            self._cache[method, code] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def serve(self, host: str, port: int) -> int:
        """Serve them over HTTP; gives the port. Raises OSError when it is taken."""
        self._server = start_http_server(port, host, registry=self.registry)
        self._address = host, self._server[0].server_port
        return self._address[1]

    def close(self) -> None:
        """Stop serving."""
        if self._server is None:
            return
        server, serving = self._server
        stopping = Thread(target=server.shutdown, name="metrics stop")
        stopping.start()
        # Whether it is to stop it looks between connections, or else twice a second: here is one.
        with contextlib.suppress(OSError):
            socket.create_connection(self._address, timeout=1.0).close()
        stopping.join()
        server.server_close()
        serving.join()
        self._server = None
