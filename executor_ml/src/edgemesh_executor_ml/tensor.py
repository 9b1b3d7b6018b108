"""`ml.tensor`: a graph of tensor operations, evaluated as one.

Rules: the crate checks the whole graph before it computes anything; between nodes the call looks
at its deadline and at its caller. A graph's nodes are in an order in which each refers to earlier
ones.
"""

from __future__ import annotations

import json
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import MOST_OPS, Evaluation, GraphError
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

NAME = "ml.tensor"
_DTYPES: dict[str, tensor_pb2.DataType.ValueType] = {
    "uint8": tensor_pb2.DATA_TYPE_UINT8,
    "uint32": tensor_pb2.DATA_TYPE_UINT32,
    "int64": tensor_pb2.DATA_TYPE_INT64,
    "float16": tensor_pb2.DATA_TYPE_FLOAT16,
    "bfloat16": tensor_pb2.DATA_TYPE_BFLOAT16,
    "float32": tensor_pb2.DATA_TYPE_FLOAT32,
    "float64": tensor_pb2.DATA_TYPE_FLOAT64,
}
_NAMES: dict[int, str] = {dtype: name for name, dtype in _DTYPES.items()}
_ITEM_BYTES = {
    "uint8": 1, "uint32": 4, "int64": 8, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
}  # fmt: skip

OPS = {
    "input": "the request's tensor `name`",
    "full": "`value` everywhere, of `dtype` and `shape` (default [])",
    "cast": "to `dtype`",
    "abs ceil cos erf exp floor gelu log neg recip relu round sigmoid sign silu sin sqrt tanh": (
        "of each element, floats"
    ),
    "add sub mul div pow maximum minimum": "of two, broadcast, of one dtype; div and pow of floats",
    "eq ne lt le gt ge": "uint8: 1 where it holds",
    "where": "args: a condition of uint8, two values",
    "matmul": "of the last two dimensions, floats; those before are broadcast",
    "sum mean max min": "over `axes` (default: all), which `keepdims` keeps as 1",
    "argmax argmin": "int64: along `axis`",
    "softmax log_softmax": "along `axis`",
    "reshape broadcast_to": "to `shape`",
    "transpose": "dimensions in the order of `axes`",
    "slice": "`length` elements along `axis` from `start` (default 0) in steps of `step` (1)",
    "take": "args: a value, a row of indices (int64, uint32) along `axis`; negative from the end",
    "concat": "along `axis`",
}
"""What there is, and what each reads beside `args`."""

_NODE = """\
each an object of op, args (numbers of earlier nodes) and what its op reads: name, value, dtype, \
shape, axis, axes, keepdims, start, step, length; all else is refused"""


def describe() -> algorithm_pb2.Algorithm:
    """The algorithm."""
    parameters: dict[str, Any] = {
        "type": "object",
        "required": ["nodes", "outputs"],
        "additionalProperties": False,
        "properties": {
            # The crate checks what is in them, a thousand times faster and with better words.
            "nodes": {"type": "array", "description": f"at most {MOST_OPS}, {_NODE}"},
            "outputs": {"type": "object", "description": "name → number of a node"},
        },
    }
    told = "; ".join(f"{ops}: {what}" for ops, what in OPS.items())
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description=f"A graph of tensor operations, evaluated as one. {told}",
        parameters_schema=json.dumps(parameters),
        any_inputs=True,
        idempotent=True,
    )


def run(call: Call) -> Reply:
    """Evaluate the graph of one call. Raises InvalidInput."""
    inputs: dict[str, tuple[str, tuple[int, ...], memoryview]] = {}
    for name, tensor in call.inputs.items():
        dtype = _NAMES.get(tensor.dtype)
        if dtype is None:
            raise InvalidInput({f"inputs.{name}.dtype": f"one of {', '.join(_DTYPES)}"})
        inputs[name] = (dtype, tensor.shape, tensor.data)
    try:
        evaluation = Evaluation(call.request.parameters, inputs, call.limits.memory_bytes // 2)
        while evaluation.step():
            if (reply := stopped(call)) is not None:
                return reply
        return Reply(outputs=_outputs(call, evaluation))
    except GraphError as error:
        raise InvalidInput({error.field: error.reason}) from error


def _outputs(call: Call, evaluation: Evaluation) -> dict[str, TensorView]:
    outputs: dict[str, TensorView] = {}
    for name, dtype, shape in evaluation.outputs():
        nbytes = _ITEM_BYTES[dtype]
        for n in shape:
            nbytes *= n
        out = call.allocate(nbytes)
        evaluation.write(name, out)
        outputs[name] = TensorView(_DTYPES[dtype], tuple(shape), out)
    return outputs
