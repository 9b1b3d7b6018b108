"""Element types by their names in the sandbox and by their numbers in the mesh."""

from __future__ import annotations

from edgemesh.compute.v1 import tensor_pb2

TO_SANDBOX: dict[tensor_pb2.DataType.ValueType, str] = {
    tensor_pb2.DATA_TYPE_BOOL: "bool",
    tensor_pb2.DATA_TYPE_INT8: "int8",
    tensor_pb2.DATA_TYPE_INT16: "int16",
    tensor_pb2.DATA_TYPE_INT32: "int32",
    tensor_pb2.DATA_TYPE_INT64: "int64",
    tensor_pb2.DATA_TYPE_UINT8: "uint8",
    tensor_pb2.DATA_TYPE_UINT16: "uint16",
    tensor_pb2.DATA_TYPE_UINT32: "uint32",
    tensor_pb2.DATA_TYPE_UINT64: "uint64",
    tensor_pb2.DATA_TYPE_FLOAT16: "float16",
    tensor_pb2.DATA_TYPE_FLOAT32: "float32",
    tensor_pb2.DATA_TYPE_FLOAT64: "float64",
    tensor_pb2.DATA_TYPE_COMPLEX64: "complex64",
    tensor_pb2.DATA_TYPE_COMPLEX128: "complex128",
    tensor_pb2.DATA_TYPE_BYTES: "bytes",
}
TO_MESH = {name: dtype for dtype, name in TO_SANDBOX.items()}
