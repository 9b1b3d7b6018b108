"""Tensors that contradict themselves, whatever they are meant for."""

from __future__ import annotations

import numpy as np
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from support import arrays, rpc

_ONE = np.ones(1).tobytes()
_F64 = tensor_pb2.DATA_TYPE_FLOAT64


def _tensor(shape: list[int], data: bytes | None = _ONE, dtype: int = _F64) -> tensor_pb2.Tensor:
    made = tensor_pb2.Tensor(dtype=tensor_pb2.DataType.ValueType(dtype), shape=shape)
    if data is not None:
        made.data = data
    return made


_SHARED = _tensor([1], None)
_SHARED.shared_memory.CopyFrom(tensor_pb2.SharedMemory(region="mine", offset=8, size=8))

CASES: dict[str, tuple[tensor_pb2.Tensor, str]] = {
    "no dtype": (_tensor([1], dtype=0), "inputs.x.dtype"),
    "unknown dtype": (_tensor([1], dtype=99), "inputs.x.dtype"),
    "no storage": (_tensor([1], None), "inputs.x.data"),
    "too few bytes": (_tensor([2]), "inputs.x.data"),
    "too many bytes": (_tensor([1], _ONE * 2), "inputs.x.data"),
    "a scalar without bytes": (_tensor([], b""), "inputs.x.data"),
    "a negative dimension": (_tensor([-1]), "inputs.x.shape[0]"),
    "two negative dimensions": (_tensor([-1, -1]), "inputs.x.shape[0]"),
    "an overflowing shape": (_tensor([2**62, 4]), "inputs.x.shape"),
    "a shape that wraps to its length": (_tensor([2**32, 2**32, 1]), "inputs.x.shape"),
    "33 dimensions": (_tensor([1] * 33), "inputs.x.shape"),
    "a place that is not aligned": (_SHARED, "inputs.x.shared_memory.offset"),
}
"""What is wrong → a tensor and the field that a refusal names, as input `x`."""


def with_input(
    request: compute_pb2.ComputeRequest, tensor: tensor_pb2.Tensor
) -> compute_pb2.ComputeRequest:
    """A copy of `request` with `tensor` as its input x."""
    made = compute_pb2.ComputeRequest()
    made.CopyFrom(request)
    made.inputs["x"].CopyFrom(tensor)
    return made


def ten_thousand_inputs(algorithm: str) -> compute_pb2.ComputeRequest:
    """A request with far too many inputs, each of which is fine."""
    made = rpc.request(algorithm)
    for number in range(10_000):
        made.inputs[f"x{number}"].CopyFrom(arrays.tensor(np.ones(1)))
    return made
