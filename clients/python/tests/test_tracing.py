"""OpenTelemetry: each call is a span below the caller's own, and the mesh's are below it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2

from edgemesh_client import AsyncClient, Client, InvalidRequest, MeshError

sdk: Any = pytest.importorskip("opentelemetry.sdk.trace", reason="there is no opentelemetry-sdk")
trace: Any = importlib.import_module("opentelemetry.trace")
export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
memory: Any = importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")


@pytest.fixture(scope="module")
def exporter() -> Any:
    """Where spans end: the provider is the process's, and may be set once."""
    made, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@pytest.fixture
def spans(exporter: Any) -> Any:
    """What ended in this test."""
    exporter.clear()
    return exporter


@pytest.fixture
async def told() -> AsyncIterator[tuple[str, list[str]]]:
    """A server, and the `traceparent` of each call that it got."""
    came: list[str] = []

    async def compute(_: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        came.append(str(metadata.get("traceparent", "")))
        return compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK).SerializeToString()

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(compute)
    service = "edgemesh.compute.v1.ComputeService"
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {"Compute": handler})]
    )
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield address, came
    await server.stop(None)


async def test_a_call_is_a_span_whose_context_is_sent(
    told: tuple[str, list[str]], spans: Any
) -> None:
    address, came = told
    async with AsyncClient(address) as client:
        with trace.get_tracer("caller").start_as_current_span("work") as above:
            await client.compute("cpp.fft")
    call = next(span for span in spans.get_finished_spans() if span.name.endswith("Compute"))
    assert call.name == "edgemesh.compute.v1.ComputeService/Compute"
    assert call.parent is not None
    assert call.parent.span_id == above.get_span_context().span_id
    assert call.attributes is not None
    assert call.attributes["edgemesh.algorithm"] == "cpp.fft"
    (sent,) = came
    assert sent.startswith(f"00-{call.context.trace_id:032x}-{call.context.span_id:016x}-")
    assert int(sent[-2:], 16) & 1, "sampled, so the mesh traces it too"


@pytest.mark.needs("cpp")
def test_it_is_so_for_callers_without_an_event_loop(client: Client, spans: Any) -> None:
    with trace.get_tracer("caller").start_as_current_span("work") as above:
        client.compute("cpp.fft", tensors={"x": [0.0, 1.0]})
        list(client.stream("cpp.fft", tensors={"x": [0.0, 1.0]}))
    calls = [span for span in spans.get_finished_spans() if span.name != "work"]
    assert [span.name.rpartition("/")[2] for span in calls] == ["Compute", "ComputeStream"]
    assert {span.parent and span.parent.span_id for span in calls} == {
        above.get_span_context().span_id
    }


@pytest.mark.needs("cpp")
def test_a_refusal_is_told_by_code_and_reason(client: Client, spans: Any) -> None:
    with pytest.raises(InvalidRequest):
        client.compute("cpp.fft", tensors={"x": [0.0]}, norm="loud")
    (call,) = spans.get_finished_spans()
    assert not call.status.is_ok
    assert call.attributes is not None
    assert call.attributes["rpc.grpc.status_code"] == "INVALID_ARGUMENT"
    assert call.attributes["edgemesh.reason"] == "INVALID_PARAMETER"
    assert "loud" not in str(call.to_json())


def test_who_has_no_tracer_imports_none() -> None:
    code = (
        "import sys, edgemesh_client as em\n"
        "client = em.Client('127.0.0.1:1', retries=em.Retries(attempts=1))\n"
        "try: client.algorithms()\n"
        "except em.MeshError: print(any(m.startswith('opentelemetry') for m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert issubclass(InvalidRequest, MeshError)
