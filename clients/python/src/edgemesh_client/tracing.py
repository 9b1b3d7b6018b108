"""OpenTelemetry, where the caller uses it: a span of each call, whose context goes with it.

Rules: nothing of it is imported that the caller has not imported: who has no tracer pays a look
into a dictionary. Spans hold names and codes, never parameters, inputs or keys. Only W3C context is
sent, which is what the mesh reads (docs/tracing.md).
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from edgemesh_client.errors import MeshError

_API = "opentelemetry.trace"
_NAME = "edgemesh_client"


@dataclass(slots=True)
class Traced:
    """A call, as its span sees it."""

    span: Any = None
    metadata: tuple[tuple[str, str], ...] = field(default=())
    """What is sent along, so that the mesh's spans are below this one."""

    def attempt(self, number: int) -> None:
        """It is made again."""
        if self.span is not None and number:
            self.span.add_event("retry", {"edgemesh.attempt": number + 1})

    def failed(self, error: BaseException) -> None:
        """It ended otherwise than well."""
        if self.span is None:
            return
        api: Any = sys.modules[_API]
        what = type(error).__name__
        if isinstance(error, MeshError):
            what = error.code
            self.span.set_attribute("rpc.grpc.status_code", error.code)
            if error.reason:
                self.span.set_attribute("edgemesh.reason", error.reason)
        self.span.set_status(api.StatusCode.ERROR, what)


@contextmanager
def calling(method: object, request: object) -> Generator[Traced]:
    """While a call runs, its retries included; `method` is gRPC's."""
    api: Any = sys.modules.get(_API)
    if api is None:
        yield Traced()
        return
    service, _, name = _path(method).rpartition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
    algorithm = getattr(request, "algorithm", "") or getattr(
        getattr(request, "request", None), "algorithm", ""
    )
    if isinstance(algorithm, str) and algorithm:
        attributes["edgemesh.algorithm"] = algorithm
    span = api.get_tracer(_NAME).start_span(
        f"{service}/{name}", kind=api.SpanKind.CLIENT, attributes=attributes
    )
    traced = Traced(span, _carried(api, span))
    try:
        yield traced
    except GeneratorExit:  # who stops listening has what they wanted
        raise
    except BaseException as error:
        traced.failed(error)
        raise
    finally:
        span.end()


def _carried(api: Any, span: Any) -> tuple[tuple[str, str], ...]:
    from importlib import import_module

    w3c: Any = import_module("opentelemetry.trace.propagation.tracecontext")
    carrier: dict[str, str] = {}
    w3c.TraceContextTextMapPropagator().inject(carrier, api.set_span_in_context(span))
    return tuple(carrier.items())


def _path(method: object) -> str:
    """ "service/method" of gRPC's callable, which keeps it to itself."""
    path: Any = getattr(method, "_method", b"")
    text = path.decode() if isinstance(path, bytes) else str(path)
    return text.strip("/") or "edgemesh/call"
