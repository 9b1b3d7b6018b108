"""Element types: the protocol's names, and bytes of each.

Rules: multi-byte elements are little-endian, as everywhere here. A BYTES tensor is elements of any
length, each behind its length in four bytes; ours is one piece of opaque bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from edgemesh.compute.v1 import tensor_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb

from mesh_service.errors import InvalidTensor, Violation

BYTES = "BYTES"
BY_NAME: dict[str, tensor_pb2.DataType.ValueType] = {
    "BOOL": tensor_pb2.DATA_TYPE_BOOL,
    "INT8": tensor_pb2.DATA_TYPE_INT8,
    "INT16": tensor_pb2.DATA_TYPE_INT16,
    "INT32": tensor_pb2.DATA_TYPE_INT32,
    "INT64": tensor_pb2.DATA_TYPE_INT64,
    "UINT8": tensor_pb2.DATA_TYPE_UINT8,
    "UINT16": tensor_pb2.DATA_TYPE_UINT16,
    "UINT32": tensor_pb2.DATA_TYPE_UINT32,
    "UINT64": tensor_pb2.DATA_TYPE_UINT64,
    "FP16": tensor_pb2.DATA_TYPE_FLOAT16,
    "BF16": tensor_pb2.DATA_TYPE_BFLOAT16,
    "FP32": tensor_pb2.DATA_TYPE_FLOAT32,
    "FP64": tensor_pb2.DATA_TYPE_FLOAT64,
    BYTES: tensor_pb2.DATA_TYPE_BYTES,
}
PARTS = {
    tensor_pb2.DATA_TYPE_COMPLEX64: "FP32",
    tensor_pb2.DATA_TYPE_COMPLEX128: "FP64",
}
"""What a complex number is a pair of: the protocol has none."""
_NAMES = {dtype: name for name, dtype in BY_NAME.items()} | PARTS
_CODES = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_FIELDS = {
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


def name_of(dtype: tensor_pb2.DataType.ValueType) -> str:
    """The protocol's name; of a complex type its parts'."""
    return _NAMES.get(dtype, "FP64")


def pack(elements: Iterable[bytes]) -> bytes:
    """Elements of a BYTES tensor as its raw content."""
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def unpack(field: str, raw: bytes, shape: Sequence[int]) -> list[bytes]:
    """Its elements. Raises InvalidTensor."""
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if at + 4 > len(raw) or end > len(raw):
            raise wrong(field, "elements of BYTES, each behind its length in four bytes")
        elements.append(raw[at + 4 : end])
        at = end
    if len(elements) != math.prod(shape):
        raise wrong(field, f"{math.prod(shape)} elements, as its shape says, not {len(elements)}")
    return elements


def numbers(field: str, datatype: str, raw: bytes) -> list[Any]:
    """Elements of any other tensor as Python's. Raises InvalidTensor."""
    code = "H" if datatype == "BF16" else _CODES[datatype]
    size = struct.calcsize(code)
    if len(raw) % size:
        raise wrong(field, f"whole elements of {datatype}, not {len(raw)} bytes")
    found = struct.unpack(f"<{len(raw) // size}{code}", raw)
    if datatype != "BF16":
        return list(found)
    return [struct.unpack("<f", struct.pack("<I", half << 16))[0] for half in found]


def raw_of(field: str, datatype: str, contents: pb.InferTensorContents) -> bytes:
    """Typed contents as raw ones. Raises InvalidTensor."""
    name = _FIELDS.get(datatype)
    filled = [each.name for each, _ in contents.ListFields()]
    if name is None or filled not in ([], [name]):
        expected = "raw_input_contents" if name is None else f"{name}, or raw_input_contents"
        raise wrong(field, f"{datatype} in {expected}, and nothing else")
    values: Sequence[Any] = getattr(contents, name)
    if datatype == BYTES:
        return pack(values)
    try:
        return struct.pack(f"<{len(values)}{_CODES[datatype]}", *values)
    except struct.error:
        raise wrong(field, f"numbers that are {datatype}") from None


def wrong(field: str, expected: str) -> InvalidTensor:
    """What is wrong with a tensor."""
    return InvalidTensor([Violation(field, expected)])
