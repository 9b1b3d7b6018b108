"""`ml.onnx`: a model in ONNX as it is: tensors by name in, tensors by name out.

Rules: what a call gives is checked against the graph before anything is computed, with the field
that is wrong; between steps of the graph the call looks at its deadline and at its caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Graph, OnnxInputError, OnnxNodeError
from edgemesh_executor_ml.derive import GRAPH, MODEL
from edgemesh_executor_ml.manifest import BadModel, Manifest
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

NAME = "ml.onnx"
_DTYPES: dict[str, tensor_pb2.DataType.ValueType] = {
    "bool": tensor_pb2.DATA_TYPE_BOOL,
    "uint8": tensor_pb2.DATA_TYPE_UINT8,
    "uint16": tensor_pb2.DATA_TYPE_UINT16,
    "uint32": tensor_pb2.DATA_TYPE_UINT32,
    "int8": tensor_pb2.DATA_TYPE_INT8,
    "int16": tensor_pb2.DATA_TYPE_INT16,
    "int32": tensor_pb2.DATA_TYPE_INT32,
    "int64": tensor_pb2.DATA_TYPE_INT64,
    "float16": tensor_pb2.DATA_TYPE_FLOAT16,
    "bfloat16": tensor_pb2.DATA_TYPE_BFLOAT16,
    "float32": tensor_pb2.DATA_TYPE_FLOAT32,
    "float64": tensor_pb2.DATA_TYPE_FLOAT64,
}
_NAMES: dict[int, str] = {dtype: name for name, dtype in _DTYPES.items()}
_Port = tuple[str, str, list[int] | None, str]


def open_graph(folder: Path, manifest: Manifest) -> Graph:
    """Open a model's graph. Raises CandleError, BadModel."""
    names = [file.path for file in manifest.files if file.path.endswith(GRAPH)]
    if MODEL in names:
        return Graph(folder / MODEL)
    if len(names) != 1:
        raise BadModel(folder, f"{len(names)} files end in {GRAPH}, expected one, or {MODEL}")
    return Graph(folder / names[0])


def describe(models: Sequence[str], graph: Graph) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the first of which has this graph."""
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"model": {"type": "string", "enum": list(models), "default": models[0]}},
    }
    text = {"type": "string"}
    result = {
        "type": "object",
        "required": ["model", "model_version"],
        "properties": {"model": text, "model_version": text},
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description=(
            "A model in ONNX: tensors by name in, tensors by name out; which ones each model takes"
            " and gives is told of inputs and outputs"
        ),
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(result),
        inputs=[_spec(models[0], port, required=True) for port in graph.inputs],
        outputs=[_spec(models[0], port, required=False) for port in graph.outputs],
        idempotent=True,
    )


def _spec(model: str, port: _Port, required: bool) -> algorithm_pb2.TensorSpec:
    name, dtype, shape, told = port
    return algorithm_pb2.TensorSpec(
        name=name,
        dtypes=[_DTYPES[dtype]],
        shape=shape or [],
        any_rank=shape is None,
        required=required,
        allow_empty=True,
        description=f"{model}: {dtype} {told}",
    )


def run(call: Call, manifest: Manifest, graph: Graph) -> Reply:
    """Evaluate the graph for one call. Raises InvalidInput, AlgorithmFailure."""
    result = {"model": manifest.name, "model_version": manifest.version}
    given: list[tuple[str, str, tuple[int, ...], memoryview]] = []
    for name, tensor in call.inputs.items():
        dtype = _NAMES.get(tensor.dtype)
        if dtype is None:
            raise InvalidInput({f"inputs.{name}.dtype": f"one of {', '.join(_DTYPES)}"})
        given.append((name, dtype, tensor.shape, tensor.data))
    try:
        evaluation = graph.start(given)
        while evaluation.step():
            if (reply := stopped(call, lambda: result)) is not None:
                return reply
        found = evaluation.outputs()
    except OnnxInputError as error:
        raise InvalidInput({error.field: error.reason}) from error
    except OnnxNodeError as error:
        raise AlgorithmFailure("OnnxError", str(error)) from error
    outputs: dict[str, TensorView] = {}
    for name, dtype, shape, data in found:
        if data:
            out = call.allocate(len(data))
            out[:] = data
        else:
            out = memoryview(b"")
        outputs[name] = TensorView(_DTYPES[dtype], tuple(shape), out)
    return Reply(result=result, outputs=outputs)
