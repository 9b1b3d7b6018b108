"""Traces: one tree across services, nothing where nobody asked, and no words of a caller's."""

from __future__ import annotations

import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from mesh_service import tracing

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = ABOVE[:-1] + "0"


@contextmanager
def traced(to: str, roots: float = 0.0) -> Generator[None]:
    tracing.configure("test", to, roots)
    try:
        yield
    finally:
        tracing.close()


def spans(path: Path) -> dict[str, dict[str, Any]]:
    made = [json.loads(line) for line in path.read_text().splitlines()]
    return {each["name"]: each for each in made}


def test_a_request_with_context_is_one_tree_below_it(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with traced(f"file:{file}"), tracing.served("Compute", {"traceparent": ABOVE}) as served:
        with tracing.span("schedule", executor="cpp", secret=object()):
            carried = dict(tracing.carried())
        tracing.past("run", 10.0, 10.25, {"cpu_us": 5})
        tracing.note(served, {"algorithm": "cpp.fft"}, "NOT_FOUND")
        assert tracing.trace_id() == ABOVE[3:35]
    found = spans(file)
    top = found["Compute"]
    assert top["parent_id"] == f"0x{ABOVE[36:52]}"
    assert top["status"] == {"status_code": "ERROR", "description": "NOT_FOUND"}
    assert top["attributes"] == {"edgemesh.algorithm": "cpp.fft"}
    assert top["resource"]["attributes"]["service.name"] == "edgemesh-test"
    for name in ("schedule", "run"):
        assert found[name]["parent_id"] == top["context"]["span_id"]
        assert found[name]["context"]["trace_id"] == f"0x{ABOVE[3:35]}"
    assert found["schedule"]["attributes"] == {"edgemesh.executor": "cpp"}
    below = found["schedule"]["context"]["span_id"].removeprefix("0x")
    assert carried["traceparent"] == f"{ABOVE[:36]}{below}-01"


@pytest.mark.parametrize("headers", [{}, {"traceparent": UNSAMPLED}, {"traceparent": "nonsense"}])
def test_what_nobody_asked_to_trace_makes_no_spans(tmp_path: Path, headers: dict[str, str]) -> None:
    file = tmp_path / "spans"
    with (
        traced(f"file:{file}"),
        tracing.served("Compute", headers),
        tracing.span("schedule") as one,
    ):
        assert one is None
        assert tracing.trace_id() == ""
    assert file.read_text() == ""


def test_one_served_within_another_is_below_it(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with (
        traced(f"file:{file}"),
        tracing.served("REST", {"traceparent": ABOVE}),
        tracing.served("Compute", {}),
    ):
        pass
    found = spans(file)
    assert found["Compute"]["parent_id"] == found["REST"]["context"]["span_id"]


def test_a_share_of_others_begins_a_tree(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with traced(f"file:{file}", 1.0), tracing.served("Compute", {}):
        pass
    assert spans(file)["Compute"]["parent_id"] is None


def test_an_error_is_told_without_its_words(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    below = {"traceparent": ABOVE}
    with (
        traced(f"file:{file}"),
        pytest.raises(KeyError),
        tracing.served("Compute", below),
        tracing.span("schedule"),
    ):
        raise KeyError("a caller's input")
    assert "a caller's input" not in file.read_text()
    assert {each["status"]["description"] for each in spans(file).values()} == {"KeyError"}


def test_off_it_costs_a_comparison_and_imports_nothing() -> None:
    assert not tracing.on()
    with tracing.served("Compute", {"traceparent": ABOVE}) as served, tracing.span("a") as made:
        assert (served, made, tracing.carried(), tracing.trace_id()) == (None, None, (), "")


def test_context_of_metadata_is_bounded_text() -> None:
    given = (("traceparent", ABOVE), ("tracestate", b"\xff"), ("authorization", "key"))
    assert tracing.told(given) == {"traceparent": ABOVE}
    assert tracing.told((("tracestate", "x" * 513),)) == {}


def test_spans_reach_a_collector() -> None:
    got: Queue[Any] = Queue()

    class Collector(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            got.put(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        here = f"http://127.0.0.1:{port}"
        with traced(here), tracing.served("Compute", {"traceparent": ABOVE}):
            pass
        request = got.get(timeout=10)
    finally:
        server.stop(None)
    (resource,) = request.resource_spans
    (made,) = resource.scope_spans[0].spans
    assert (made.name, made.trace_id.hex()) == ("Compute", ABOVE[3:35])


def test_a_file_that_cannot_be_written_to_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tracing.configure("test", f"file:{tmp_path}/absent/spans", 0.0)
