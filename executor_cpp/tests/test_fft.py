"""cpp.fft and cpp.ifft against NumPy, in NumPy's own precisions."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from conftest import Array, Tensor, allocate, compute, random
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host

Norm = Literal["backward", "ortho", "forward"] | None
DTYPES = ("float32", "float64", "complex64", "complex128")
REFERENCES = {"cpp.fft": np.fft.fftn, "cpp.ifft": np.fft.ifftn}


def assert_close(got: Array, expected: Array, points: int) -> None:
    """Equal but for rounding, which grows with the logarithm of the transform's length."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    tolerance = np.finfo(expected.dtype).eps * (3 + math.log2(points))
    assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


def check(fft: host.Plugin, x: Array, axes: list[int] | None, norm: Norm) -> None:
    parameters: dict[str, Any] = {}
    if axes is not None:
        parameters["axes"] = axes
    if norm is not None:
        parameters["norm"] = norm
    points = math.prod(x.shape if axes is None else [x.shape[axis] for axis in axes])
    for name, reference in REFERENCES.items():
        got = compute(fft, name, parameters, x=x)
        assert_close(got, reference(x, axes=axes, norm=norm), points)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "length", [*range(1, 65), 97, 100, 127, 128, 243, 509, 512, 1000, 1021, 1024, 4096, 10007]
)
def test_every_length(fft: host.Plugin, length: int, dtype: str) -> None:
    check(fft, random((length,), dtype, length), None, None)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, 1), None),
        ((3, 4), None),
        ((4, 3), [0]),
        ((4, 3), [1]),
        ((4, 3), [1, 0]),
        ((5, 7), [-1]),
        ((5, 7), [-2]),
        ((4, 6, 5), None),
        ((4, 6, 5), [0, 2]),
        ((4, 6, 5), [1]),
        ((4, 6, 5), [0, 1]),
        ((4, 6, 5), [-3, -2]),
        ((3, 1, 2), [1]),
        ((2, 3, 4, 5), [3, 0]),
        ((2, 3, 4, 5), [1, 2]),
        ((2,) * 10, [0, 3, 4, 9]),
    ],
)
def test_axes_and_norms(
    fft: host.Plugin, shape: tuple[int, ...], axes: list[int] | None, norm: Norm, dtype: str
) -> None:
    check(fft, random(shape, dtype), axes, norm)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["backward", "ortho"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((170, 200), None),
        ((171, 201), None),
        ((256, 256), [1, 0]),
        ((40, 30, 31), None),
        ((40, 30, 32), [0, 2]),
        ((40, 30, 31), [0, 1]),
        ((40, 30, 31), [1, 2]),
        ((40, 30, 31), [0]),
        ((2, 3, 6000), [0, 2]),
        ((6000, 2, 3), None),
        ((9, 8, 8, 64), [0, 1, 3]),
        ((9, 8, 8, 64), [0, 2]),
        ((1, 40000, 1), None),
    ],
)
def test_large_arrays(
    fft: host.Plugin, shape: tuple[int, ...], axes: list[int] | None, norm: Norm, dtype: str
) -> None:
    # Past 256 KiB of spectrum, axes are transformed one by one.
    check(fft, random(shape, dtype), axes, norm)


def test_as_many_dimensions_as_there_may_be(fft: host.Plugin) -> None:
    check(fft, random((1,) * 30 + (2, 3), "float64"), None, None)


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_inverse_and_parseval(
    fft: host.Plugin, shape: list[int], dtype: str, seed: int, data: st.DataObject
) -> None:
    x = random(tuple(shape), dtype, seed)
    axes = data.draw(st.permutations(range(len(shape))).map(lambda p: p[: 1 + seed % len(p)]))
    y = compute(fft, "cpp.fft", {"axes": axes, "norm": "ortho"}, x=x)
    back = compute(fft, "cpp.ifft", {"axes": axes, "norm": "ortho"}, x=y)
    tolerance = 20 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(back, x, atol=tolerance * np.abs(x).max())
    energy = np.sum(np.abs(x.astype("complex128")) ** 2)
    np.testing.assert_allclose(np.sum(np.abs(y) ** 2), energy, rtol=tolerance)


def test_what_is_not_finite_stays_so(fft: host.Plugin) -> None:
    assert np.isnan(compute(fft, "cpp.fft", {}, x=np.array([1.0, np.nan, 2.0, np.inf]))).all()


@pytest.mark.parametrize("name", ["int64", "bool", "uint8"])
def test_integers_are_refused(fft: host.Plugin, name: str) -> None:
    x = Tensor(np.ones(4, name))
    with pytest.raises(host.PluginInvalidInput) as refused:
        fft.run("cpp.fft", "{}", {"x": x}, allocate)
    expected = f"must be float32, float64, complex64 or complex128, is {name}"
    assert refused.value.fields == {"inputs.x": expected}


@settings(deadline=None)
@given(
    parameters=st.dictionaries(
        st.sampled_from(["axes", "norm", "n"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=4),
            max_leaves=6,
        ),
    )
)
def test_odd_parameters_are_refused_or_obeyed(fft: host.Plugin, parameters: dict[str, Any]) -> None:
    x = random((2, 3), "float64")
    fields: dict[str, str] = {}
    try:
        y = compute(fft, "cpp.fft", parameters, x=x)
    except host.PluginInvalidInput as refused:
        y, fields = None, refused.fields
    assert all(field.startswith("parameters.") for field in fields), parameters
    if y is None:
        return
    axes = parameters.get("axes")
    expected = np.fft.fftn(
        x,
        axes=None if axes is None else [int(axis) for axis in axes],
        norm=parameters.get("norm"),
    )
    assert_close(y, expected, 6)
