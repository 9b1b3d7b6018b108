"""Arrays and bytes to tensors of the contract and back.

Rules: little-endian, C order. What comes back is read-only, over the message's own bytes; bfloat16,
which NumPy has not, comes back as float32, in which each of its values is exact.
"""

from __future__ import annotations

import base64
import html
from typing import Any

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import tensor_pb2

from edgemesh_client.errors import Undecodable, ValueUnfit

DTYPES: dict[str, tensor_pb2.DataType.ValueType] = {
    name: tensor_pb2.DataType.Value(f"DATA_TYPE_{name.upper()}")
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip
_NAMES = {number: name for name, number in DTYPES.items()}
_MOST_DIMENSIONS = 32


class Blob(bytes):
    """Bytes of a media type: a picture, a table. A notebook shows pictures."""

    media_type: str

    def __new__(cls, data: bytes, media_type: str) -> Blob:  # noqa: D102
        made = super().__new__(cls, data)
        made.media_type = media_type
        return made

    def _repr_html_(self) -> str:
        kind = html.escape(self.media_type)
        if not self.media_type.startswith("image/"):
            return f"<code>{kind}, {len(self):,} bytes</code>"
        return f'<img alt="{kind}" src="data:{kind};base64,{base64.b64encode(self).decode()}">'


def is_array(value: object) -> bool:
    """Whether it is an array, or something that NumPy takes for one (not a scalar)."""
    if isinstance(value, np.ndarray):
        return True
    return hasattr(value, "__array__") and not isinstance(value, (np.generic, type))


def to_tensor(
    value: Any, place: str = "array", memory: tensor_pb2.SharedMemory | None = None
) -> tensor_pb2.Tensor:
    """An array or bytes as a tensor; `memory`: where its elements lie. Raises ValueUnfit."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_BYTES,
            shape=[len(data)],
            media_type=value.media_type if isinstance(value, Blob) else "",
            data=data,
        )
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        raise ValueUnfit(
            place, f"is an array of dtype {array.dtype}; numbers and bools are sent: use .astype()"
        )
    if array.ndim > _MOST_DIMENSIONS:
        raise ValueUnfit(place, f"has {array.ndim} dimensions, of {_MOST_DIMENSIONS} at most")
    if memory is not None:
        return tensor_pb2.Tensor(
            dtype=DTYPES[array.dtype.name], shape=array.shape, shared_memory=memory
        )
    array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return tensor_pb2.Tensor(
        dtype=DTYPES[array.dtype.name], shape=array.shape, data=array.tobytes()
    )


def from_tensor(tensor: tensor_pb2.Tensor) -> npt.NDArray[Any] | bytes:
    """A tensor as an array, or as bytes. Raises Undecodable."""
    if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES:
        return Blob(tensor.data, tensor.media_type) if tensor.media_type else tensor.data
    return array_of(tensor, tensor.data)


def array_of(tensor: tensor_pb2.Tensor, data: bytes | npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """A tensor whose elements are `data`, as an array over them. Raises Undecodable."""
    try:
        if tensor.dtype == tensor_pb2.DATA_TYPE_BFLOAT16:
            halves = np.frombuffer(data, "<u2").astype("<u4") << 16
            return halves.view("<f4").reshape(tuple(tensor.shape))
        dtype = np.dtype(_NAMES[tensor.dtype]).newbyteorder("<")
        return np.frombuffer(data, dtype).reshape(tuple(tensor.shape))
    except (KeyError, ValueError) as error:
        raise Undecodable(f"a tensor makes no sense: {error}") from None
