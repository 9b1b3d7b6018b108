"""cpp.rfft and cpp.irfft, and lengths other than the array's, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from conftest import Array, Tensor, allocate, compute, random
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fft import Norm, assert_close

import edgemesh_cpp_host as host

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 65, 97, 128, 509, 512, 1000, 4096, 10007]
REFERENCES = {
    "cpp.fft": np.fft.fftn,
    "cpp.ifft": np.fft.ifftn,
    "cpp.rfft": np.fft.rfftn,
    "cpp.irfft": np.fft.irfftn,
}
REAL, COMPLEX = ("float32", "float64"), ("complex64", "complex128")


def check(
    fft: host.Plugin,
    name: str,
    x: Array,
    s: list[int] | None,
    axes: list[int] | None,
    norm: Norm = "backward",
) -> None:
    parameters: dict[str, Any] = {"s": s, "axes": axes, "norm": norm}
    parameters = {name: value for name, value in parameters.items() if value is not None}
    if axes is None:
        axes = list(range(x.ndim))[-len(s) if s else 0 :]
    expected = REFERENCES[name](x, s=s, axes=axes, norm=norm)
    got = compute(fft, name, parameters, x=x)
    assert_close(got, expected, math.prod(max(x.shape[a], expected.shape[a]) for a in axes))


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("length", LENGTHS)
def test_there_of_every_length(fft: host.Plugin, length: int, dtype: str) -> None:
    check(fft, "cpp.rfft", random((length,), dtype, length), None, None)


@pytest.mark.parametrize("dtype", [*COMPLEX, *REAL])
@pytest.mark.parametrize("length", LENGTHS)
def test_back_of_every_length(fft: host.Plugin, length: int, dtype: str) -> None:
    x = random((length // 2 + 1,), dtype, length)
    check(fft, "cpp.irfft", x, [length], None)
    if length > 1:
        check(fft, "cpp.irfft", x, None, None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, 2), None),
        ((3, 4), None),
        ((4, 3), [0]),
        ((4, 3), [1, 0]),
        ((5, 7), [-1, -2]),
        ((4, 6, 5), None),
        ((4, 6, 5), [2, 0]),
        ((4, 6, 5), [0, 1]),
        ((4, 6, 5), [1, 2, 0]),
        ((2, 3, 4, 5), [3, 0]),
        ((2,) * 8, [0, 3, 4, 7]),
        ((170, 200), None),
        ((171, 201), [1, 0]),
        ((256, 256), [1, 0]),
        ((40, 30, 31), None),
        ((40, 30, 32), [2, 0]),
        ((40, 30, 31), [1]),
        ((2, 3, 6000), [0, 2]),
        ((6000, 2, 3), None),
        ((6000, 2, 3), [1, 2, 0]),
        ((9, 8, 8, 64), [0, 3, 1]),
        ((40000, 2), [1, 0]),
    ],
)
def test_axes_and_norms(
    fft: host.Plugin, shape: tuple[int, ...], axes: list[int] | None, norm: Norm, dtype: str
) -> None:
    check(fft, "cpp.rfft", random(shape, dtype), None, axes, norm)
    # Not the spectrum of any real array: NumPy takes one axis after the other, the halved one last.
    check(fft, "cpp.irfft", random(shape, dtype), None, axes, norm)
    check(fft, "cpp.irfft", random(shape, "complex64"), None, axes, norm)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(
    ("shape", "s", "axes"),
    [
        ((5,), [3], None),
        ((5,), [8], [0]),
        ((5,), [-1], [0]),
        ((4, 6), [7, 3], [0, 1]),
        ((4, 6), [7, 3], [1, 0]),
        ((4, 6), [9], [-1]),
        ((4, 6), [2], [0]),
        ((3, 4, 5), [6, 2], None),
        ((3, 4, 5), [1, 9, 4], [2, 0, 1]),
        ((3, 4, 5), [7], [1]),
        ((300, 300), [301, 299], [0, 1]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_lengths(
    fft: host.Plugin,
    name: str,
    shape: tuple[int, ...],
    s: list[int],
    axes: list[int] | None,
    dtype: str,
) -> None:
    if name == "cpp.rfft" and dtype.startswith("complex"):
        return
    if name == "cpp.irfft":  # NumPy takes -1 for the input's length, which is not the result's
        s = [8 if length == -1 else length for length in s]
    check(fft, name, random(shape, dtype), s, axes)


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    dtype=st.sampled_from(REAL),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_there_and_back(
    fft: host.Plugin, shape: list[int], dtype: str, seed: int, data: st.DataObject
) -> None:
    x = random(tuple(shape), dtype, seed)
    axes = data.draw(st.permutations(range(len(shape))).map(lambda p: p[: 1 + seed % len(p)]))
    y = compute(fft, "cpp.rfft", {"axes": axes}, x=x)
    back = compute(fft, "cpp.irfft", {"axes": axes, "s": [shape[a] for a in axes]}, x=y)
    assert back.dtype == x.dtype
    np.testing.assert_allclose(back, x, atol=20 * np.finfo(dtype).eps * np.abs(x).max())


@pytest.mark.parametrize(
    ("name", "parameters", "field", "expected"),
    [
        ("cpp.rfft", {"s": [0]}, "parameters.s[0]", "must be -1 or 1 to 2^40, is 0"),
        ("cpp.fft", {"s": [-2]}, "parameters.s[0]", "must be -1 or 1 to 2^40, is -2"),
        ("cpp.irfft", {"s": [2**63 - 1]}, "parameters.s[0]", f"2^40, is {2**63 - 1}"),
        (
            "cpp.rfft",
            {"s": [2, 2, 2]},
            "parameters.s",
            "a length for each axis, 2, has 3",
        ),
        ("cpp.rfft", {"s": [2, 2], "axes": [0]}, "parameters.s", "a length for each axis, 1"),
        (
            "cpp.irfft",
            {"axes": [0]},
            "inputs.x",
            "at least 2 elements along the last",
        ),
        ("cpp.irfft", {"axes": [2]}, "parameters.axes[0]", "must lie in -2 to 1, is 2"),
    ],
)
def test_refusals(
    fft: host.Plugin, name: str, parameters: dict[str, Any], field: str, expected: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(fft, name, parameters, x=np.ones((1, 3)))
    assert list(refused.value.fields) == [field]
    assert expected in refused.value.fields[field]


def test_rfft_takes_real_numbers(fft: host.Plugin) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        fft.run("cpp.rfft", "{}", {"x": Tensor(np.ones(4, "complex64"))}, allocate)
    assert refused.value.fields == {"inputs.x": "must be float32 or float64, is complex64"}


def test_more_than_there_is_memory_for(fft: host.Plugin) -> None:
    with pytest.raises((host.PluginError, MemoryError)):
        compute(fft, "cpp.irfft", {"s": [2**40, 2**40], "axes": [0, 1]}, x=np.ones((1, 3)))
    with pytest.raises((host.PluginError, MemoryError)):
        compute(fft, "cpp.rfft", {"s": [2**40]}, x=np.ones(3))
