"""What a tensor must be: its bytes against its own dtype and shape, and against a spec.

Where its bytes lie in shared memory, what is said of them counts; the executor that has the region
looks at it.

Rules: looks at dtype, shape and length only, never at the elements; reports every violation with
the field's path, raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2

from mesh_service.errors import Violation

MOST_DIMENSIONS = 32
MOST_BYTES = 1 << 62
MOST_REGION_NAME = 255
PLACE_ALIGNMENT = 16
"""Of a place in shared memory: what native code may rely on without a copy."""

ITEM_BYTES: dict[int, int] = {
    tensor_pb2.DATA_TYPE_BOOL: 1,
    tensor_pb2.DATA_TYPE_INT8: 1,
    tensor_pb2.DATA_TYPE_INT16: 2,
    tensor_pb2.DATA_TYPE_INT32: 4,
    tensor_pb2.DATA_TYPE_INT64: 8,
    tensor_pb2.DATA_TYPE_UINT8: 1,
    tensor_pb2.DATA_TYPE_UINT16: 2,
    tensor_pb2.DATA_TYPE_UINT32: 4,
    tensor_pb2.DATA_TYPE_UINT64: 8,
    tensor_pb2.DATA_TYPE_FLOAT16: 2,
    tensor_pb2.DATA_TYPE_BFLOAT16: 2,
    tensor_pb2.DATA_TYPE_FLOAT32: 4,
    tensor_pb2.DATA_TYPE_FLOAT64: 8,
    tensor_pb2.DATA_TYPE_COMPLEX64: 8,
    tensor_pb2.DATA_TYPE_COMPLEX128: 16,
    tensor_pb2.DATA_TYPE_BYTES: 1,
}
"""Bytes of one element."""


def dtype_name(dtype: int) -> str:
    """`float32` for DATA_TYPE_FLOAT32; the number for one that is not known."""
    try:
        name = tensor_pb2.DataType.Name(tensor_pb2.DataType.ValueType(dtype))
    except ValueError:
        return str(dtype)
    return name.removeprefix("DATA_TYPE_").lower()


def contradictions(path: str, tensor: tensor_pb2.Tensor, nbytes: int | None) -> Iterator[Violation]:
    """What in a tensor contradicts itself; `nbytes` is its data's length, None without data."""
    item = ITEM_BYTES.get(tensor.dtype)
    if item is None:
        yield Violation(f"{path}.dtype", "required: one of DataType's types")
        return
    if len(tensor.media_type) > 255:
        yield Violation(f"{path}.media_type", "at most 255 bytes")
    stored = "data"
    if nbytes is None:
        if tensor.WhichOneof("storage") != "shared_memory":
            yield Violation(f"{path}.data", "required: the tensor has no storage")
            return
        stored = "shared_memory.size"
        nbytes = tensor.shared_memory.size
        yield from misplaced(f"{path}.shared_memory", tensor.shared_memory)
    shape = tensor.shape
    if len(shape) > MOST_DIMENSIONS:
        yield Violation(f"{path}.shape", f"at most {MOST_DIMENSIONS} dimensions, not {len(shape)}")
        return
    # Empty dimensions aside, the rest must fit too: native code may multiply them in any order.
    whole = item
    for axis, length in enumerate(shape):
        if length < 0:
            yield Violation(f"{path}.shape[{axis}]", f"0 or more, not {length}")
            return
        whole *= length or 1
    size = 0 if 0 in shape else whole
    if whole > MOST_BYTES:
        yield Violation(f"{path}.shape", "a product that fits memory; it overflows")
        return
    if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES and not shape:
        return
    if size != nbytes:
        yield Violation(
            f"{path}.{stored}",
            f"{size} bytes, as {dtype_name(tensor.dtype)}{list(shape)} needs, not {nbytes}",
        )


def misplaced(path: str, memory: tensor_pb2.SharedMemory) -> Iterator[Violation]:
    """What no region could make right."""
    if not 0 < len(memory.region) <= MOST_REGION_NAME:
        yield Violation(f"{path}.region", f"required: at most {MOST_REGION_NAME} bytes")
    if memory.offset % PLACE_ALIGNMENT:
        yield Violation(f"{path}.offset", f"a multiple of {PLACE_ALIGNMENT}, not {memory.offset}")
    if memory.offset + memory.size > MOST_BYTES:
        yield Violation(f"{path}.size", "an end that fits memory; it overflows")


def in_regions(request: compute_pb2.ComputeRequest, blobs: Mapping[str, memoryview]) -> bool:
    """Whether inputs lie in shared memory, or outputs shall; other inputs are among the blobs."""
    return len(blobs) < len(request.inputs) or len(request.outputs_to) > 0


def envelope(
    request: compute_pb2.ComputeRequest, blobs: Mapping[str, memoryview]
) -> list[Violation]:
    """What in a request's inputs contradicts itself; empty when all is well."""
    violations: list[Violation] = []
    for name, tensor in request.inputs.items():
        blob = blobs.get(name)
        violations += contradictions(
            f"inputs.{name}", tensor, None if blob is None else blob.nbytes
        )
    for name, memory in request.outputs_to.items():
        violations += misplaced(f"outputs_to.{name}", memory)
    return violations


def mismatches(
    path: str, tensor: tensor_pb2.Tensor, spec: algorithm_pb2.TensorSpec
) -> Iterator[Violation]:
    """How a tensor that does not contradict itself fails a spec."""
    if spec.dtypes and tensor.dtype not in spec.dtypes:
        wanted = ", ".join(dtype_name(d) for d in spec.dtypes)
        yield Violation(f"{path}.dtype", f"one of {wanted}, not {dtype_name(tensor.dtype)}")
    shape = list(tensor.shape)
    if not spec.any_rank:
        if len(shape) != len(spec.shape):
            yield Violation(
                f"{path}.shape",
                f"{len(spec.shape)} dimensions {_pattern(spec.shape)}, not {len(shape)}",
            )
            return
        for axis, (length, wanted_length) in enumerate(zip(shape, spec.shape, strict=True)):
            if wanted_length not in (-1, length):
                yield Violation(f"{path}.shape[{axis}]", f"{wanted_length}, not {length}")
    if not spec.allow_empty and 0 in shape:
        yield Violation(
            f"{path}.shape[{shape.index(0)}]", "1 or more: the tensor must not be empty"
        )


def _pattern(shape: object) -> str:
    return str(list(shape)).replace("-1", "any")  # type: ignore[call-overload]
