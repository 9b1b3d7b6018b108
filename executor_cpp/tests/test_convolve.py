"""cpp.convolve and cpp.correlate against SciPy."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from conftest import Array, compute, random
from hypothesis import given, settings
from hypothesis import strategies as st
from test_signal import DTYPES

import edgemesh_cpp_host as host

reference: Any = importlib.import_module("scipy.signal")  # whose types say little

REFERENCES = {"cpp.convolve": reference.convolve, "cpp.correlate": reference.correlate}


def check(plugin: host.Plugin, in1: Array, in2: Array, methods: tuple[str, ...], mode: str) -> None:
    for name, function in REFERENCES.items():
        expected = function(in1, in2, mode, "direct")
        for method in methods:
            parameters = {"mode": mode, "method": method}
            got = compute(plugin, name, parameters, in1=in1, in2=in2)
            assert got.dtype == expected.dtype
            assert got.shape == expected.shape
            size = float(
                np.linalg.norm(in1) * np.linalg.norm(in2)
            )  # at least any element of the result
            tolerance = 20 * float(np.finfo(expected.dtype).eps) * size
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


ALL = ("direct", "fft", "auto")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_lengths(signal: host.Plugin, mode: str, dtype: str) -> None:
    lengths = [1, 2, 3, 4, 9, 32, 33, 100]
    for first in lengths:
        for second in lengths:
            in1, in2 = random((first,), dtype, first), random((second,), dtype, second)
            check(signal, in1, in2, ("direct", "fft"), mode)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("first", "second"), [(20000, 3), (20000, 128), (3, 20000), (9001, 300), (5000, 5000)]
)
def test_long_signals(signal: host.Plugin, first: int, second: int, mode: str, dtype: str) -> None:
    check(signal, random((first,), dtype), random((second,), dtype, 1), ALL, mode)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((), ()),
        ((5, 7), (3, 2)),
        ((5, 7), (1, 1)),
        ((3, 2), (5, 7)),
        ((4, 5, 6), (2, 3, 2)),
        ((1, 40), (1, 7)),
        ((40, 1), (7, 1)),
        ((3, 1, 4, 2), (2, 1, 4, 1)),
        ((64, 65), (9, 8)),
        ((200, 150), (20, 30)),
    ],
)
def test_dimensions(
    signal: host.Plugin, first: tuple[int, ...], second: tuple[int, ...], mode: str, dtype: str
) -> None:
    check(signal, random(first, dtype), random(second, dtype, 1), ALL, mode)


@pytest.mark.parametrize("mode", ["full", "same"])
def test_neither_larger(signal: host.Plugin, mode: str) -> None:
    check(signal, random((4, 9), "float64"), random((6, 5), "float64", 1), ALL, mode)


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_types_are_promoted(signal: host.Plugin, first: str, second: str) -> None:
    check(signal, random((30,), first), random((4,), second), ALL, "full")


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.tuples(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 20)),
    dtype=st.sampled_from(DTYPES),
)
def test_order_does_not_matter(
    signal: host.Plugin, lengths: tuple[int, int, int], dtype: str
) -> None:
    x, y, z = (random((length,), dtype, length) for length in lengths)

    def convolve(in1: Array, in2: Array) -> Array:
        return compute(signal, "cpp.convolve", {}, in1=in1, in2=in2)

    size = float(np.linalg.norm(x) * np.linalg.norm(y) * np.linalg.norm(z))
    tolerance = 100 * float(np.finfo(dtype).eps) * size
    one, other = convolve(convolve(x, y), z), convolve(y, convolve(z, x))
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("parameters", "first", "second", "field"),
    [
        ({"mode": "half"}, (3,), (2,), "parameters.mode"),
        ({"method": "slow"}, (3,), (2,), "parameters.method"),
        ({}, (3,), (2, 2), "inputs.in2"),
        ({}, (3,), (0,), "inputs.in2"),
        ({"mode": "valid"}, (3, 2), (2, 3), "inputs.in2"),
    ],
)
def test_refusals(
    signal: host.Plugin, parameters: dict[str, Any], first: Any, second: Any, field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(signal, "cpp.convolve", parameters, in1=np.ones(first), in2=np.ones(second))
    assert list(refused.value.fields) == [field]
