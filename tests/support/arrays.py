"""Tensors and NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import tensor_pb2

DTYPES: dict[tensor_pb2.DataType.ValueType, np.dtype[Any]] = {
    tensor_pb2.DATA_TYPE_BOOL: np.dtype("?"),
    tensor_pb2.DATA_TYPE_INT8: np.dtype("<i1"),
    tensor_pb2.DATA_TYPE_INT16: np.dtype("<i2"),
    tensor_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    tensor_pb2.DATA_TYPE_UINT8: np.dtype("<u1"),
    tensor_pb2.DATA_TYPE_UINT16: np.dtype("<u2"),
    tensor_pb2.DATA_TYPE_UINT32: np.dtype("<u4"),
    tensor_pb2.DATA_TYPE_UINT64: np.dtype("<u8"),
    tensor_pb2.DATA_TYPE_FLOAT16: np.dtype("<f2"),
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_COMPLEX64: np.dtype("<c8"),
    tensor_pb2.DATA_TYPE_COMPLEX128: np.dtype("<c16"),
}
_BACK = {dtype: number for number, dtype in DTYPES.items()}


def tensor(array: npt.NDArray[Any]) -> tensor_pb2.Tensor:
    """An array as it travels."""
    return tensor_pb2.Tensor(
        dtype=_BACK[array.dtype.newbyteorder("<")], shape=array.shape, data=array.tobytes()
    )


def array(tensor: tensor_pb2.Tensor) -> npt.NDArray[Any]:
    """A tensor as an array."""
    return np.frombuffer(tensor.data, DTYPES[tensor.dtype]).reshape(tuple(tensor.shape))
