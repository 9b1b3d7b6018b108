"""`ml.onnx`: the operators, two real models, and what is refused, and where."""

from __future__ import annotations

import base64
import json
import math
import struct
import time
import zlib
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import GOLDEN, Pool, golden
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from made_onnx import attribute, block, join, model, node, number, port, scale, tensor
from served import REFUSED, SERVING, Served, served

from edgemesh_candle import Graph, ModelError, OnnxInputError, OnnxNodeError
from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.entry import Entry
from edgemesh_executor_ml.manifest import Unusable, load
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

FLOAT32 = tensor_pb2.DATA_TYPE_FLOAT32
_FORMATS = {
    "float16": "e", "float32": "f", "float64": "d", "bool": "?", "int8": "b", "int16": "h",
    "int32": "i", "int64": "q", "uint8": "B", "uint16": "H", "uint32": "I",
}  # fmt: skip


def numbers(dtype: str, data: bytes) -> tuple[Any, ...]:
    code = _FORMATS[dtype]
    return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def evaluated(graph: Graph, given: list[dict[str, Any]]) -> list[tuple[str, str, list[int], bytes]]:
    ports = [name for name, *_ in graph.inputs]
    inputs = [
        (name, each["dtype"], each["shape"], base64.b64decode(each["data"]))
        for name, each in zip(ports, given, strict=True)
    ]
    run = graph.start(inputs)
    while run.step():
        pass
    return run.outputs()


def differs(found: tuple[Any, ...], wanted: tuple[Any, ...], rtol: float, atol: float) -> bool:
    if len(found) != len(wanted):
        return True
    for x, y in zip(found, wanted, strict=True):
        same = x == y or (x != x and y != y)
        if not same and not abs(x - y) <= atol + rtol * abs(y):
            return True
    return False


def test_operators_are_as_the_standards_own_tests_have_them(tmp_path: Path) -> None:
    cases = json.loads(zlib.decompress((GOLDEN / "onnx_nodes.json.z").read_bytes()))
    assert len(cases) > 600
    wrong: dict[str, str] = {}
    file = tmp_path / "case.onnx"
    for case in cases:
        file.write_bytes(base64.b64decode(case["model"]))
        try:
            outputs = evaluated(Graph(file), case["inputs"])
        except (ModelError, OnnxInputError, OnnxNodeError) as error:
            wrong[case["name"]] = str(error)
            continue
        for (_, dtype, shape, data), wanted in zip(outputs, case["outputs"], strict=True):
            expected = numbers(dtype, base64.b64decode(wanted["data"]))
            if (dtype, shape) != (wanted["dtype"], wanted["shape"]):
                wrong[case["name"]] = f"{dtype} {shape}"
            elif differs(numbers(dtype, data), expected, case["rtol"], case["atol"]):
                wrong[case["name"]] = f"{numbers(dtype, data)[:8]}, not {expected[:8]}"
    assert wrong.keys() == DIFFERENT.keys(), {k: v for k, v in wrong.items() if k not in DIFFERENT}


DIFFERENT: Mapping[str, str] = {
    "test_batchnorm_epsilon_training_mode": "refused as it is loaded: nothing is trained",
    "test_batchnorm_example_training_mode": "the same",
    "test_gru_batchwise": "refused as it is loaded: layout 1",
    "test_lstm_batchwise": "the same",
    "test_training_dropout": "refused: nothing is trained",
    "test_training_dropout_default": "the same",
    "test_training_dropout_default_mask": "the same",
    "test_training_dropout_mask": "the same",
}
"""Tests of the standard whose outputs are others here, and why."""


def test_a_row_far_below_the_greatest_is_not_lost(tmp_path: Path) -> None:
    axes = block(5, block(1, "axes") + number(8, 1) + number(20, 7))
    op = node("ReduceLogSumExp", ["x"], ["y"], attribute("keepdims", 0) + axes)
    file = tmp_path / "rows.onnx"
    file.write_bytes(model([op], [port("x", (3, 2))], [port("y", (3,))]))
    rows = [-1000.0, -1000.0, 0.0, 0.0, -math.inf, -math.inf]
    data = base64.b64encode(struct.pack("<6f", *rows))
    ((_, _, shape, found),) = evaluated(
        Graph(file), [{"dtype": "float32", "shape": [3, 2], "data": data}]
    )
    wanted = pytest.approx((math.log(2) - 1000, math.log(2), -math.inf))
    assert (shape, numbers("float32", found)) == ([3], wanted)


def test_silero_gives_what_onnxruntime_gives(models: Path) -> None:
    graph = Graph(models / "silero-vad" / "model.onnx")
    steps = golden("onnx_models.json")["silero-vad"]
    state = {"dtype": "float32", "shape": [2, 1, 128], "data": base64.b64encode(bytes(1024))}
    rate = {"dtype": "int64", "shape": [], "data": base64.b64encode(struct.pack("<q", 16_000))}
    for step in steps:
        output, after = evaluated(graph, [step["input"], state, rate])
        wanted = numbers("float32", base64.b64decode(step["output"]["data"]))
        assert numbers("float32", output[3]) == pytest.approx(wanted, abs=1e-5)
        state["data"] = base64.b64encode(after[3])
    wanted = numbers("float32", base64.b64decode(steps[-1]["stateN"]["data"]))
    assert numbers("float32", base64.b64decode(state["data"])) == pytest.approx(wanted, abs=1e-4)


def test_magika_gives_what_onnxruntime_gives(models: Path) -> None:
    (told,) = golden("onnx_models.json")["magika"]
    ((name, dtype, shape, data),) = evaluated(
        Graph(models / "magika" / "model.onnx"), [told["bytes"]]
    )
    assert (name, dtype, shape) == ("target_label", "float32", [3, 214])
    found = numbers("float32", data)
    assert found == pytest.approx(
        numbers("float32", base64.b64decode(told["target_label"]["data"])), abs=1e-5
    )
    labels = json.loads((models / "magika" / "labels.json").read_bytes())["target_labels_space"]
    rows = [found[at : at + 214] for at in range(0, 642, 214)]
    assert [labels[row.index(max(row))] for row in rows][:2] == ["python", "jsonl"]


def opened(folder: Path, data: bytes) -> MlRunner:
    folder.mkdir(parents=True)
    (folder / "made.onnx").write_bytes(data)
    manifest = derive(folder)
    return MlRunner({"folder": str(folder), "manifest": json.loads(manifest.dump())})


def call(pool: Pool, **inputs: TensorView) -> Call:
    limits = compute_pb2.Limits(run_time_ms=60_000)
    request = compute_pb2.ComputeRequest(algorithm="ml.onnx@1", limits=limits)
    return Call(pool, request, {}, inputs, False)


def floats(values: list[float], *shape: int) -> TensorView:
    return TensorView(FLOAT32, shape or (len(values),), memoryview(array("f", values)).cast("B"))


def given(runner: MlRunner, **inputs: TensorView) -> Reply:
    return runner.run(call(Pool(), **inputs))


def test_a_graph_is_described_and_computed(tmp_path: Path) -> None:
    runner = opened(tmp_path / "scaler", scale())
    (algorithm,) = runner.describe()
    (x,), (y,) = algorithm.inputs, algorithm.outputs
    assert (x.name, list(x.dtypes), list(x.shape), x.required) == ("x", [FLOAT32], [-1, 2], True)
    assert x.description == "scaler: float32 [batch, 2]"
    assert (y.name, y.required) == ("y", False)
    reply = given(runner, x=floats([1, 2, 3, 4], 2, 2))
    assert reply.result == {"model": "scaler", "model_version": "1"}
    assert (reply.outputs["y"].dtype, reply.outputs["y"].shape) == (FLOAT32, (2, 2))
    assert reply.outputs["y"].data.cast("f").tolist() == [2, 6, 6, 12]
    assert given(runner, x=floats([], 0, 2)).outputs["y"].shape == (0, 2)


def test_inputs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    runner = opened(tmp_path / "scaler", scale())

    def refused(**inputs: TensorView) -> Mapping[str, str]:
        with pytest.raises(InvalidInput) as caught:
            given(runner, **inputs)
        return caught.value.violations

    x = floats([1, 2], 1, 2)
    assert refused() == {"inputs.x": "required: float32 [batch, 2]"}
    assert refused(x=x, z=x) == {"inputs.z": "no such input; inputs: x"}
    assert refused(x=floats([1, 2])) == {"inputs.x.shape": "[batch, 2], not [2]"}
    assert refused(x=floats([1, 2, 3], 1, 3)) == {"inputs.x.shape": "[batch, 2], not [1, 3]"}
    ints = TensorView(tensor_pb2.DATA_TYPE_INT32, (1, 2), memoryview(bytes(8)))
    assert refused(x=ints) == {"inputs.x.dtype": "float32, not int32"}
    text = TensorView(tensor_pb2.DATA_TYPE_COMPLEX64, (1, 1), memoryview(bytes(8)))
    assert refused(x=text)["inputs.x.dtype"].startswith("one of bool, uint8")
    with pytest.raises(InvalidInput) as caught:
        given(opened(tmp_path / "join", join()), a=floats([1]), b=floats([1, 2]))
    assert caught.value.violations == {"inputs.b.shape": "[n], not [2]: n is 1 in a"}


def test_a_node_that_fails_is_named_and_fails_its_call_alone(tmp_path: Path) -> None:
    ends = [port("y", ["a", "b"])]
    ins = [port("x", ["k", "l"]), port("w", ["m", "n"])]
    runner = opened(tmp_path / "product", model([node("MatMul", ["x", "w"], ["y"])], ins, ends))
    with pytest.raises(AlgorithmFailure, match=r'node "the MatMul" \(MatMul\): matrices that fit'):
        given(runner, x=floats([1, 2], 1, 2), w=floats([1, 2, 3], 3, 1))
    reply = given(runner, x=floats([1, 2], 1, 2), w=floats([3, 4], 2, 1))
    assert reply.outputs["y"].data.cast("f").tolist() == [11]


@pytest.mark.parametrize("way", ["cancelled", "late"])
def test_it_stops(tmp_path: Path, way: str) -> None:
    """A graph of two hundred products of matrices, which take long."""
    nodes = [node("MatMul", [f"x{i}", "x0"], [f"x{i + 1}"]) for i in range(200)]
    data = model(nodes, [port("x0", [512, 512])], [port("x200", [512, 512])])
    runner = opened(tmp_path / "long", data)
    pool = Pool()
    if way == "late":
        pool.deadline = time.monotonic() + 0.05
    else:
        pool.cancelled.set()
    side = TensorView(FLOAT32, (512, 512), memoryview(bytes(1 << 20)))
    reply = runner.run(call(pool, x0=side))
    expected = {"late": compute_pb2.OUTCOME_TIMEOUT, "cancelled": compute_pb2.OUTCOME_CANCELLED}
    assert reply.outcome == expected[way]


X, Y = [port("x", ["n"])], [port("y", ["n"])]
IDENTITY = [node("Identity", ["x"], ["y"])]
HUGE = number(1, 1 << 40) + number(2, 1) + block(8, "w") + block(9, bytes(4))
BAD: dict[str, tuple[bytes, str]] = {
    "unknown": (
        model(
            [
                node("NoSuchThing", ["x"], ["a"]),
                node("Attention", ["a"], ["b"], domain="com.microsoft"),
                node("NoSuchThing", ["b"], ["c"]),
                node("LSTM", ["c"], ["y"], attribute("layout", 1)),
            ],
            X,
            Y,
        ),
        "needs operators that are not supported: LSTM with layout 1 (1 node),"
        " NoSuchThing (2 nodes), com.microsoft.Attention (1 node)",
    ),
    "external": (
        model(IDENTITY, X, Y, [tensor("w", [1], block(13, b"") + number(14, 1))]),
        'initializer "w": its data is in another file, which is never read',
    ),
    "opset": (model(IDENTITY, X, Y, opset=5), "is of operator set 5; those from 7 to"),
    "nothing": (b"", "is no ONNX model: no graph"),
    "text": (b"this is a text", "is no ONNX model, or is cut off"),
    "cut": (scale()[:-20], "is no ONNX model, or is cut off"),
    "huge": (model(IDENTITY, X, Y, [HUGE]), 'initializer "w": a value of at most'),
    "short": (
        model(IDENTITY, X, Y, [tensor("w", [1, 2])[:2] + tensor("w", [1])[2:]]),
        'initializer "w": 8 bytes for float32 [2], not 4',
    ),
    "no such value": (
        model([node("Identity", ["z"], ["y"])], X, Y),
        'node "the Identity" (Identity) reads "z", which nothing before it gives',
    ),
    "twice": (model(IDENTITY * 2, X, Y), 'gives "y" twice'),
    "no such output": (model(IDENTITY, X, [port("z", [])]), 'gives "z", which no node computes'),
    "strings": (model(IDENTITY, [port("x", [], 8)], Y), "type string are not supported"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_served_is_refused_as_it_is_loaded(tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    file = tmp_path / "bad.onnx"
    file.write_bytes(data)
    with pytest.raises(ModelError) as refused:
        Graph(file)
    assert reason in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_torn_files_never_crash(tmp_path: Path, models: Path) -> None:
    whole = (models / "silero-vad" / "model.onnx").read_bytes()
    file = tmp_path / "torn.onnx"
    for at in range(0, len(whole), len(whole) // 40):
        file.write_bytes(whole[:at])
        with pytest.raises(ModelError):
            Graph(file)
        damaged = bytearray(whole)
        damaged[at : at + 8] = b"\xff" * 8
        file.write_bytes(damaged)
        try:
            Graph(file)
        except ModelError:
            continue


@pytest.mark.parametrize("to", ["ConstantOfShape", "Expand", "Tile", "Range"])
def test_values_without_end_are_refused(tmp_path: Path, to: str) -> None:
    big = 1 << 40
    shape = block(5, block(1, "value_ints") + number(8, big) + number(8, big) + number(20, 7))
    one = block(5, block(1, "value_int") + number(3, 1) + number(20, 2))
    far = block(5, block(1, "value_int") + number(3, big) + number(20, 2))
    nodes = {
        "ConstantOfShape": node(to, ["s"], ["y"]),
        "Expand": node(to, ["x", "s"], ["y"]),
        "Tile": node(to, ["x", "s"], ["y"]),
        "Range": node(to, ["one", "far", "one"], ["y"]),
    }
    constants = [
        node("Constant", [], ["s"], shape),
        node("Constant", [], ["one"], one),
        node("Constant", [], ["far"], far),
    ]
    data = model([*constants, nodes[to]], [port("x", [1, 1])], [port("y", [])])
    runner = opened(tmp_path / "endless", data)
    with pytest.raises(AlgorithmFailure, match="a value of at most"):
        given(runner, x=floats([1], 1, 1))


@pytest.mark.parametrize("name", ["my-graph.onnx", "my-graph@2.onnx", "my-graph.gguf", "my-graph"])
def test_a_refused_file_is_told_by_its_model_s_name(name: str) -> None:
    entry = Entry(name, refused="it is torn")
    assert entry.refuses("my-graph")
    assert not entry.refuses("another")


def test_which_graph_of_a_folder_is_served(tmp_path: Path, models: Path) -> None:
    folder = tmp_path / "two@3"
    folder.mkdir()
    (folder / "a.onnx").write_bytes(scale())
    assert (derive(folder).name, derive(folder).version) == ("two", "3")
    (folder / "b.onnx").write_bytes(scale())
    with pytest.raises(Unusable, match=r"2 files end in \.onnx, expected one, or model\.onnx"):
        derive(folder)
    (folder / "model.onnx").write_bytes(scale())
    assert [file.path for file in derive(folder).files] == ["model.onnx"]
    assert load(models / "silero-vad").task == "vad"


def spec(executor: Served) -> algorithm_pb2.Algorithm:
    from edgemesh.executor.v1 import executor_pb2

    described = executor.stub.Describe(executor_pb2.DescribeRequest(), timeout=20)
    return next(each for each in described.algorithms if each.name == "ml.onnx")


def test_models_that_differ_are_offered_as_one_algorithm(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "double.onnx").write_bytes(scale())
    (models / "join.onnx").write_bytes(join())
    (models / "strange.onnx").write_bytes(BAD["unknown"][0])
    with served(models, tmp_path / "cache") as executor:
        executor.state("double.onnx", SERVING)
        executor.state("join.onnx", SERVING)
        told = executor.state("strange.onnx", REFUSED)
        assert "NoSuchThing (2 nodes)" in told.detail
        inputs = {each.name: each for each in spec(executor).inputs}
        assert sorted(inputs) == ["a", "b", "x"]
        assert not any(each.required for each in inputs.values())
        assert inputs["a"].description == "join: float32 [n]"
        request = compute_pb2.ComputeRequest(algorithm="ml.onnx", parameters='{"model": "join"}')
        for name, values in {"a": [1.0, 2.0], "b": [3.0, 4.0]}.items():
            data = array("f", values).tobytes()
            request.inputs[name].CopyFrom(
                tensor_pb2.Tensor(dtype=FLOAT32, shape=[len(values)], data=data)
            )
        response = executor.stub.Execute(request, timeout=60)
        assert array("f", response.outputs["z"].data).tolist() == [4, 6]
        del request.inputs["b"]
        with pytest.raises(grpc.RpcError) as refused:
            executor.stub.Execute(request, timeout=60)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "inputs.b" in str(refused.value.details())
        (models / "join.onnx").unlink()
        executor.until(lambda m: "join.onnx" not in m)
        assert [each.required for each in spec(executor).inputs] == [True]


def test_infinities_and_nan_pass(tmp_path: Path) -> None:
    reply = given(opened(tmp_path / "scaler", scale()), x=floats([math.inf, math.nan], 1, 2))
    first, second = reply.outputs["y"].data.cast("f").tolist()
    assert (first, math.isnan(second)) == (math.inf, True)
