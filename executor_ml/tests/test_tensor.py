"""`ml.tensor` in a worker: what comes back, when it stops, and what its bindings refuse."""

from __future__ import annotations

import array
import json
import time
from typing import Any

import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_candle import Evaluation, GraphError
from edgemesh_executor_ml import tensor
from mesh_service.executor import Call, InvalidInput, TensorView

FLOAT32 = tensor_pb2.DATA_TYPE_FLOAT32
X = [{"op": "input", "name": "x"}]


def call(pool: Pool, nodes: list[dict[str, Any]], **outputs: int) -> Call:
    request = compute_pb2.ComputeRequest(
        algorithm="ml.tensor@1",
        parameters=json.dumps({"nodes": nodes, "outputs": outputs}),
        limits=compute_pb2.Limits(run_time_ms=60_000, memory_bytes=64 << 20),
    )
    data = memoryview(array.array("f", [1, 2, 3, 4, 5, 6])).cast("B")
    inputs = {"x": TensorView(FLOAT32, (2, 3), data)}
    return Call(pool, request, json.loads(request.parameters), inputs, False)


def test_outputs_are_told_with_shape_and_bytes(pool: Pool) -> None:
    nodes = [*X, {"op": "sum", "args": [0], "axes": [0]}, {"op": "gt", "args": [0, 0]}]
    reply = tensor.run(call(pool, nodes, total=1, more=2))
    assert sorted(reply.outputs) == ["more", "total"]
    total = reply.outputs["total"]
    assert (total.dtype, total.shape) == (FLOAT32, (3,))
    assert total.data.cast("f").tolist() == [5, 7, 9]
    assert bytes(reply.outputs["more"].data) == bytes(6)


def test_a_graph_that_is_wrong_names_its_place(pool: Pool) -> None:
    with pytest.raises(InvalidInput) as refused:
        tensor.run(call(pool, [*X, {"op": "matmul", "args": [0, 0]}], y=1))
    assert refused.value.violations == {
        "parameters.nodes[1]": "matmul: float32 [2, 3] and float32 [2, 3]"
    }
    with pytest.raises(InvalidInput) as refused:
        tensor.run(call(pool, X, y=1))
    assert refused.value.violations == {"parameters.outputs": 'output "y": node 1 of 1'}


@pytest.mark.parametrize("way", ["cancelled", "late"])
def test_it_stops_between_nodes(pool: Pool, way: str) -> None:
    if way == "late":
        pool.deadline = time.monotonic() - 1
    else:
        pool.cancelled.set()
    reply = tensor.run(call(pool, [*X, {"op": "relu", "args": [0]}], y=1))
    expected = {"late": compute_pb2.OUTCOME_TIMEOUT, "cancelled": compute_pb2.OUTCOME_CANCELLED}
    assert reply.outcome == expected[way]


def test_memory_is_bounded_before_anything_is_computed(pool: Pool) -> None:
    big = {"op": "full", "value": 1, "dtype": "float32", "shape": [1 << 22]}  # a half of what is
    nodes = [big, big, big, {"op": "concat", "args": [0, 1, 2], "axis": 0}]
    with pytest.raises(InvalidInput, match="bytes"):
        tensor.run(call(pool, nodes, y=3))


def test_the_bindings_check_buffers() -> None:
    graph = json.dumps({"nodes": X, "outputs": {"y": 0}})
    evaluation = Evaluation(graph, {"x": ("float32", [2], bytes(8))}, 1 << 20)
    while evaluation.step():
        pass
    assert evaluation.outputs() == [("y", "float32", [2])]
    for out in (bytearray(7), bytearray(9), bytes(8)):
        with pytest.raises(ValueError, match="writable buffer"):
            evaluation.write("y", out)
    with pytest.raises(ValueError, match="writable buffer"):
        evaluation.write("z", bytearray(8))
    with pytest.raises(GraphError):
        Evaluation(graph, {"x": ("float32", [2], bytes(7))}, 1 << 20)
    with pytest.raises(ValueError, match="unknown dtype"):
        Evaluation(graph, {"x": ("complex64", [1], bytes(8))}, 1 << 20)
