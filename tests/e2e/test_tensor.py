"""`ml.tensor` against NumPy, over element types and shapes; what is wrong names the operation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from edgemesh.compute.v1 import tensor_pb2
from support import arrays, graphs, rpc
from support.rpc import Peer, refused

pytestmark = pytest.mark.needs("ml")
FLOATS = ("float16", "bfloat16", "float32", "float64")
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "float64": 1e-12}
GENERATOR = np.random.default_rng(7)


def tensor(value: graphs.Array, dtype: str) -> tensor_pb2.Tensor:
    """As it travels; bfloat16 is given as float32 and is the upper half of each."""
    if dtype != "bfloat16":
        return arrays.tensor(np.asarray(value, dtype))
    data = (np.ascontiguousarray(value, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BFLOAT16, shape=value.shape, data=data)


def array(found: tensor_pb2.Tensor) -> graphs.Array:
    if found.dtype != tensor_pb2.DATA_TYPE_BFLOAT16:
        return arrays.array(found)
    upper = np.frombuffer(found.data, "<u2").astype("<u4") << 16
    return upper.view("<f4").reshape(found.shape)


async def held(
    peer: Peer, nodes: list[dict[str, Any]], inputs: dict[str, tuple[graphs.Array, str]]
) -> None:
    """Every node's value is the reference's."""
    inputs = {name: (graphs.rounded(v, d), d) for name, (v, d) in inputs.items()}
    outputs = {f"n{number}": number for number in range(len(nodes))}
    request = rpc.request("ml.tensor", {"nodes": nodes, "outputs": outputs})
    for name, (value, dtype) in inputs.items():
        request.inputs[name].CopyFrom(tensor(value, dtype))
    response = await peer.compute.Compute(request, timeout=30)
    assert rpc.outcome(response) == "OK", response.failure
    given = {name: value for name, (value, _) in inputs.items()}
    wanted = graphs.evaluate(nodes, given, {name: dtype for name, (_, dtype) in inputs.items()})
    for number, (value, dtype) in enumerate(wanted):
        found = array(response.outputs[f"n{number}"])
        where = f"{nodes[number]} of {dtype}"
        assert found.shape == value.shape, where
        assert found.dtype == ("float32" if dtype == "bfloat16" else dtype), where
        if dtype in FLOATS:
            rough = TOLERANCE[dtype]
            np.testing.assert_allclose(found, value, rough, rough, err_msg=where)
        else:
            np.testing.assert_array_equal(found, value, err_msg=where)


def numbers(*shape: int) -> graphs.Array:
    return GENERATOR.uniform(0.3, 2.5, shape)


@pytest.mark.parametrize("dtype", FLOATS)
async def test_elementwise(gateway: Peer, dtype: str) -> None:
    """Of both signs where that means something; broadcast both ways."""
    nodes: list[dict[str, Any]] = [{"op": "input", "name": name} for name in "xyz"]
    for op in graphs.UNARY:
        nodes.append({"op": op, "args": [0 if op in ("log", "sqrt", "recip") else 2]})
    for op in (*graphs.BINARY, "eq", "ne", "lt", "le", "gt", "ge"):
        nodes.append({"op": op, "args": [0, 1]})
        nodes.append({"op": op, "args": [1, 0]})
    nodes.append({"op": "pow", "args": [2, len(nodes)]})
    nodes.insert(len(nodes) - 1, {"op": "full", "value": 2, "dtype": dtype})
    nodes[-1]["args"] = [2, len(nodes) - 2]
    nodes += [{"op": "gt", "args": [2, 0]}, {"op": "where", "args": [len(nodes), 2, 1]}]
    x, z = numbers(3, 4), GENERATOR.normal(size=(3, 4)) * 2
    await held(gateway, nodes, {"x": (x, dtype), "y": (numbers(4), dtype), "z": (z, dtype)})


@pytest.mark.parametrize("dtype", FLOATS)
async def test_matrices_and_reductions(gateway: Peer, dtype: str) -> None:
    nodes: list[dict[str, Any]] = [{"op": "input", "name": name} for name in "xy"]
    nodes.append({"op": "matmul", "args": [0, 1]})
    for op in graphs.REDUCE:
        nodes.append({"op": op, "args": [0]})
        nodes.append({"op": op, "args": [0], "axes": [0, -1]})
        nodes.append({"op": op, "args": [0], "axes": [1], "keepdims": True})
    nodes += [{"op": op, "args": [0], "axis": 1} for op in ("softmax", "log_softmax", "argmax")]
    nodes += [{"op": "softmax", "args": [0], "axis": -1}, {"op": "argmin", "args": [0], "axis": 0}]
    await held(gateway, nodes, {"x": (numbers(2, 3, 4), dtype), "y": (numbers(4, 5), dtype)})


@pytest.mark.parametrize("dtype", [*FLOATS, "int64", "uint32", "uint8"])
async def test_shapes_and_places(gateway: Peer, dtype: str) -> None:
    nodes: list[dict[str, Any]] = [
        {"op": "input", "name": "x"},
        {"op": "input", "name": "at"},
        {"op": "transpose", "args": [0], "axes": [2, 0, 1]},
        {"op": "reshape", "args": [2], "shape": [6, 4]},
        {"op": "slice", "args": [2], "axis": 0, "start": 3, "step": -2, "length": 2},
        {"op": "slice", "args": [2], "axis": -1, "start": 1, "length": 2},
        {"op": "slice", "args": [3], "axis": 0, "length": 0},
        {"op": "take", "args": [0, 1], "axis": 1},
        {"op": "concat", "args": [0, 7, 0], "axis": 1},
        {"op": "slice", "args": [0], "axis": 0, "start": 1, "length": 1},
        {"op": "broadcast_to", "args": [9], "shape": [2, 3, 4]},
        {"op": "add", "args": [10, 0]},
        {"op": "cast", "args": [0], "dtype": "float32"},
        {"op": "cast", "args": [0], "dtype": "int64"},
        {"op": "sum", "args": [13], "axes": [1]},
        {"op": "max", "args": [0], "axes": [2]},
        {"op": "maximum", "args": [0, 10]},
    ]
    x = GENERATOR.integers(0, 100, (2, 3, 4))
    await held(gateway, nodes, {"x": (x, dtype), "at": (np.array([2, 0, -1, 0]), "int64")})


BAD = {
    "cycle": ([{"op": "relu", "args": [1]}, {"op": "relu", "args": [0]}], "nodes[0]", "no cycle"),
    "itself": ([{"op": "exp", "args": [0]}], "nodes[0]", "exp: args[0] is node 0"),
    "shape": (
        [{"op": "input", "name": "x"}, {"op": "matmul", "args": [0, 0]}],
        "nodes[1]",
        "matmul: float64 [2, 3] and float64 [2, 3]",
    ),
    "large": (
        [{"op": "full", "value": 1, "dtype": "float64", "shape": [1 << 20, 1 << 20]}],
        "nodes[0]",
        "full: float64 [1048576, 1048576] has more than",
    ),
    "dtypes": (
        [
            {"op": "input", "name": "x"},
            {"op": "full", "value": 1, "dtype": "float32"},
            {"op": "add", "args": [0, 1]},
        ],
        "nodes[2]",
        "add: float64 [2, 3] and float32 []: cast one",
    ),
    "index": (
        [
            {"op": "input", "name": "x"},
            {"op": "full", "value": 2, "dtype": "int64", "shape": [1]},
            {"op": "take", "args": [0, 1], "axis": 0},
        ],
        "nodes[2]",
        "take: index 2 of 2",
    ),
    "operation": ([{"op": "fly"}], "nodes[0]", "fly: no such operation"),
    "field": ([{"op": "full", "size": 3}], "nodes", "unknown field `size`"),
    "no node": (["add"], "nodes", "a graph as JSON"),
    "too many": (
        [{"op": "full", "value": 1, "dtype": "uint8"}] * 4097,
        "nodes",
        "at most 4096 nodes, not 4097",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_wrong_names_the_operation(gateway: Peer, case: str) -> None:
    nodes, field, message = BAD[case]
    parameters = {"nodes": nodes, "outputs": {"y": len(nodes) - 1}}
    request = rpc.request("ml.tensor", parameters, {"x": np.ones((2, 3))})
    found = await refused(gateway.compute.Compute(request, timeout=30))
    assert found.reason == "INVALID_PARAMETER"
    assert message in found.fields[f"parameters.{field}"], found.fields


async def test_numbers_that_are_none_and_numbers_that_overflow(gateway: Peer) -> None:
    """A graph never ends a worker: it computes what the arithmetic has."""
    nodes = [
        {"op": "input", "name": "x"},
        {"op": "add", "args": [0, 0]},
        {"op": "mul", "args": [0, 0]},
        {"op": "cast", "args": [0], "dtype": "float32"},
        {"op": "recip", "args": [3]},
        {"op": "log", "args": [3]},
        {"op": "max", "args": [5]},
    ]
    x = np.array([np.iinfo("int64").max, np.iinfo("int64").min, 0])
    outputs = {f"n{n}": n for n in range(len(nodes))}
    request = rpc.request("ml.tensor", {"nodes": nodes, "outputs": outputs}, {"x": x})
    response = await gateway.compute.Compute(request, timeout=30)
    assert rpc.outcome(response) == "OK", response.failure
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(arrays.array(response.outputs["n1"]), x + x)
    assert json.loads(response.result or "null") is None
