"""cpp.matmul against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Tensor, allocate, compute, random

import edgemesh_cpp_host as host

DTYPES = ("float32", "float64", "complex64", "complex128")
SHAPES = [
    ((1, 1), (1, 1)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((5, 17), (17, 9)),
    ((65, 33), (33, 127)),
    ((4, 2, 3), (3, 5)),  # many times one
    ((2, 3), (4, 3, 5)),  # one times many
    ((4, 2, 3), (4, 3, 5)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((1, 2, 3), (4, 3, 5)),
    ((4, 2, 3), (1, 3, 5)),
    ((2, 1, 4, 3), (1, 5, 3, 2)),
    ((6, 3), (4, 3, 1)),
    ((3,), (2, 3, 4)),
    ((2, 4, 3), (3,)),
    ((2, 0), (0, 3)),
    ((0, 2), (2, 3)),
    ((0, 4, 2), (2, 3)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_shapes(
    linalg: host.Plugin, left: tuple[int, ...], right: tuple[int, ...], dtype: str
) -> None:
    a, b = random(left, dtype, 1), random(right, dtype, 2)
    y = compute(linalg, "cpp.matmul", {}, a=a, b=b)
    expected = np.matmul(a, b)
    assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    tolerance = 4 * left[-1] * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("left", "right", "field"),
    [
        ((2, 3), (4, 2), "inputs.b"),
        ((3,), (4,), "inputs.b"),
        ((2, 2, 3), (3, 3, 2), "inputs.b"),
        ((), (3,), "inputs.a"),
        ((1 << 30, 1, 1, 0), (1, 1 << 30, 0, 1), "inputs.b"),  # 2^63 bytes of two empty ones
        ((1 << 30, 1, 0, 1), (1, 1 << 30, 1, 0), "inputs.b"),  # no bytes, but no array either
    ],
)
def test_shapes_that_do_not_fit(
    linalg: host.Plugin, left: tuple[int, ...], right: tuple[int, ...], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(linalg, "cpp.matmul", {}, a=np.ones(left), b=np.ones(right))
    assert list(refused.value.fields) == [field]


def test_several_threads_give_the_same(linalg: host.Plugin) -> None:
    a = random((300, 200), "float64")
    inputs = {"a": Tensor(a), "b": Tensor(a.T.copy())}
    for threads in (1, 2, 1):
        run = linalg.run("cpp.matmul", "", inputs, allocate, threads=threads)
        y = np.frombuffer(run.outputs["y"].data).reshape(300, 300)
        np.testing.assert_allclose(y, a @ a.T, rtol=1e-12, atol=1e-12)
