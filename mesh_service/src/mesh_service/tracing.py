"""Traces: what a request met on its way through the mesh, as one tree (OpenTelemetry).

    tracing.configure("gateway", "http://127.0.0.1:4317", roots=0.01)
    with tracing.span("schedule", lane="pywasm"): …
    metadata = (*tracing.carried(), …)

Rules: off unless a service is told where spans go, and then nothing of it is imported and a span
costs one comparison. A caller that sends W3C context (`traceparent`) decides whether its request is
traced; of those that send none a share begins a tree here. Spans hold names, figures and outcomes,
never code, inputs or secrets. Sending is a thread's; what cannot be sent is dropped.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.trace import Span, SpanKind, Tracer

Made: TypeAlias = "Span | None"
"""A span, or nothing where none is made."""

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
FILE = "file:"
_MOST_STATE = 512
_NOTHING: tuple[tuple[str, str], ...] = ()

_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def configure(service: str, to: str, roots: float) -> None:
    """Send spans to an OTLP collector (`http://host:port`, gRPC), or append them to `file:PATH`.

    `roots`: the share of requests without context that begin a tree, 0 to 1. Raises OSError.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    global _tracer, _provider
    exporter: SpanExporter
    if to.startswith(FILE):
        exporter = _lines(Path(to.removeprefix(FILE)))
    else:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=to, insecure=to.startswith("http:"))
    _provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(roots)),
        resource=Resource.create({"service.name": f"edgemesh-{service}"}),
        shutdown_on_exit=False,
    )
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    _tracer = _provider.get_tracer("edgemesh")


def close() -> None:
    """Send what waits; spans cost nothing from now on."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def on() -> bool:
    """Whether spans go anywhere."""
    return _tracer is not None


@contextmanager
def served(name: str, headers: Mapping[str, str]) -> Generator[Span | None]:
    """A request that has come in, below its caller's span where `headers` tell one, or else below
    the current one: who comes by HTTP calls what gRPC serves."""
    if _tracer is None:
        yield None
        return
    from opentelemetry import context
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract(dict(headers), context.get_current())
    with _started(_tracer, name, SpanKind.SERVER, {}, above) as made:
        yield made


@contextmanager
def span(name: str, /, **attributes: Any) -> Generator[Span | None]:
    """A part of the current request; nothing where it is not traced."""
    if _tracer is None or not _recording():
        yield None
        return
    from opentelemetry.trace import SpanKind

    with _started(_tracer, name, SpanKind.INTERNAL, attributes) as made:
        yield made


def past(name: str, began: float, ended: float, attributes: Mapping[str, Any]) -> None:
    """A part that has ended; both on time.monotonic()."""
    if _tracer is None or not _recording():
        return
    shift = time.time() - time.monotonic()
    made = _tracer.start_span(
        name, attributes=_plain(attributes), start_time=int((began + shift) * 1e9)
    )
    made.end(int((ended + shift) * 1e9))


def carried() -> tuple[tuple[str, str], ...]:
    """The current context as metadata of a call to another service; empty where there is none."""
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return tuple(carrier.items())


def told(metadata: tuple[tuple[str, str | bytes], ...]) -> dict[str, str]:
    """What of a call's metadata is context."""
    return {
        name: value
        for name, value in metadata
        if name in (TRACEPARENT, TRACESTATE)
        and isinstance(value, str)
        and len(value) <= _MOST_STATE
    }


def note(made: Span | None, attributes: Mapping[str, Any], error: str = "") -> None:
    """Say more of a span; `error`: the status that its call ended with, where that is one."""
    if made is None:
        return
    made.set_attributes(_plain(attributes))
    if error:
        from opentelemetry.trace import StatusCode

        made.set_status(StatusCode.ERROR, error)


def trace_id() -> str:
    """The current trace's, 32 hexadecimal digits; empty where there is none."""
    if _tracer is None:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled else ""


@contextmanager
def _started(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, Any], above: Any = None
) -> Generator[Span]:
    """What ends badly ends as an error, without the exception's words: they may tell of inputs."""
    from opentelemetry.trace import StatusCode

    with tracer.start_as_current_span(
        name,
        above,
        kind,
        _plain(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def _recording() -> bool:
    from opentelemetry import trace

    return trace.get_current_span().is_recording()


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"edgemesh.{name}": value
        for name, value in attributes.items()
        if isinstance(value, str | int | float | bool)
    }


def _lines(path: Path) -> Any:
    """An exporter of a JSON object per span and line."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Lines(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            given: list[ReadableSpan] = list(spans)
            text = "".join(each.to_json(indent=None) + "\n" for each in given)
            try:
                with path.open("a") as file:
                    file.write(text)
            except OSError:
                return SpanExportResult.FAILURE
            return SpanExportResult.SUCCESS

    with contextlib.closing(path.open("a")):  # what cannot be written to is told at the start
        return Lines()
