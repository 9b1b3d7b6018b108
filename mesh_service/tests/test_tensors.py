"""Tensors are held against their own bytes and against specs."""

from __future__ import annotations

import math

import pytest
from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2
from hypothesis import given
from hypothesis import strategies as st

from mesh_service import tensors

SIZES = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2,
    "uint32": 4, "uint64": 8, "float16": 2, "float32": 4, "float64": 8, "complex64": 8,
    "complex128": 16,
}  # fmt: skip


def dtype(name: str) -> tensor_pb2.DataType.ValueType:
    return tensor_pb2.DataType.Value(f"DATA_TYPE_{name.upper()}")


def found(tensor: tensor_pb2.Tensor, nbytes: int | None) -> list[str]:
    return [v.field for v in tensors.contradictions("t", tensor, nbytes)]


@pytest.mark.parametrize("name", SIZES)
def test_an_element_has_the_size_of_its_type(name: str) -> None:
    assert tensors.ITEM_BYTES[dtype(name)] == SIZES[name]


def test_every_dtype_of_the_contract_is_known() -> None:
    assert set(tensors.ITEM_BYTES) == set(tensor_pb2.DataType.values()) - {0}


@given(st.sampled_from(sorted(SIZES)), st.lists(st.integers(0, 6), max_size=4))
def test_an_array_fits_and_one_byte_more_or_less_does_not(name: str, shape: list[int]) -> None:
    nbytes = math.prod(shape) * SIZES[name]
    tensor = tensor_pb2.Tensor(dtype=dtype(name), shape=shape)
    assert found(tensor, nbytes) == []
    assert found(tensor, nbytes + 1) == ["t.data"]


@pytest.mark.parametrize(
    ("tensor", "nbytes", "field"),
    [
        (tensor_pb2.Tensor(shape=[1]), 1, "t.dtype"),
        (tensor_pb2.Tensor(dtype=99, shape=[1]), 1, "t.dtype"),  # pyright: ignore[reportArgumentType]
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[1]), None, "t.data"),
        (
            tensor_pb2.Tensor(
                dtype=tensor_pb2.DATA_TYPE_INT8, shared_memory=tensor_pb2.SharedMemory(region="r")
            ),
            None,
            "t.shared_memory.size",
        ),
        (
            tensor_pb2.Tensor(
                dtype=tensor_pb2.DATA_TYPE_INT8, shared_memory=tensor_pb2.SharedMemory(size=1)
            ),
            None,
            "t.shared_memory.region",
        ),
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[2, -1]), 1, "t.shape[1]"),
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[1] * 33), 1, "t.shape"),
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[2**62, 2]), 1, "t.shape"),
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[2**62, 2**62, 0]), 0, "t.shape"),
        # 2^64 elements: a product in 64 bits would be 0 and fit.
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[2**32, 2**32]), 0, "t.shape"),
        (tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=[2]), 8, "t.data"),
    ],
)
def test_a_contradiction_is_named(tensor: tensor_pb2.Tensor, nbytes: int, field: str) -> None:
    assert found(tensor, nbytes) == [field]


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ([3, 5], []),
        ([3, 0], ["t.shape[1]"]),
        ([4, 5], ["t.shape[0]"]),
        ([3], ["t.shape"]),
        ([], ["t.shape"]),
    ],
)
def test_a_spec_is_held_against_a_shape(shape: list[int], fields: list[str]) -> None:
    spec = algorithm_pb2.TensorSpec(name="t", dtypes=[tensor_pb2.DATA_TYPE_INT8], shape=[3, -1])
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=shape)
    assert [v.field for v in tensors.mismatches("t", tensor, spec)] == fields


def test_a_wrong_dtype_is_told_with_those_that_are_taken() -> None:
    spec = algorithm_pb2.TensorSpec(
        dtypes=[tensor_pb2.DATA_TYPE_FLOAT32, tensor_pb2.DATA_TYPE_COMPLEX64],
        any_rank=True,
        allow_empty=True,
    )
    (violation,) = tensors.mismatches(
        "inputs.x", tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[0]), spec
    )
    assert violation.field == "inputs.x.dtype"
    assert violation.expected == "one of float32, complex64, not int8"
