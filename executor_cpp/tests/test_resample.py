"""cpp.resample and cpp.resample_poly against SciPy."""

from __future__ import annotations

import importlib
import json
from typing import Any

import numpy as np
import pytest
from conftest import Tensor, allocate, compute, outputs, random
from hypothesis import given, settings
from hypothesis import strategies as st
from test_signal import DTYPES, assert_close, tuples

import edgemesh_cpp_host as host

reference: Any = importlib.import_module("scipy.signal")  # whose types say little

LENGTHS = [1, 2, 3, 4, 5, 8, 9, 31, 32, 97, 128]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
def test_resample(signal: host.Plugin, length: int, dtype: str) -> None:
    x = random((length,), dtype, length)
    for num in LENGTHS:  # SciPy promotes x to the window's type in some cases
        for how in ({}, {"window": "hamming"}, {"window": ["gaussian", 9.0]}):
            expected = reference.resample(x, **tuples({"num": num, **how})).astype(dtype)
            assert_close(compute(signal, "cpp.resample", {"num": num, **how}, x=x), expected)
        window = random((length,), "float64") + 2
        expected = reference.resample(x, num, window=window).astype(dtype)
        assert_close(compute(signal, "cpp.resample", {"num": num}, x=x, window=window), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_resample_axes_times_and_spectra(signal: host.Plugin, dtype: str) -> None:
    for shape, axis in [((3, 20), -1), ((20, 3), 0), ((2, 9, 3), 1)]:
        x, num = random(shape, dtype), 14
        times = np.arange(shape[axis]) / 50 + 3
        expected, t = reference.resample(x, num, times, axis)
        got = outputs(signal, "cpp.resample", {"num": num, "axis": axis}, x=x, t=times)
        assert_close(got["y"], expected)
        assert_close(got["t"], t)
        how = {"num": num, "axis": axis, "domain": "freq"}
        z = np.fft.fft(x, axis=axis).astype(np.result_type(x, np.complex64))
        assert_close(compute(signal, "cpp.resample", how, x=z), reference.resample(z, **how))


MODES = [
    "constant",
    "edge",
    "wrap",
    "symmetric",
    "reflect",
    "smooth",
    "line",
    "antisymmetric",
    "antireflect",
]
RATIOS = [(1, 2), (2, 1), (3, 2), (2, 3), (4, 6), (5, 1), (1, 7), (160, 147), (3, 3), (7, 50)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_resample_poly(signal: host.Plugin, up: int, down: int, dtype: str) -> None:
    for length in [*LENGTHS, 1000]:
        x = random((length,), dtype, length)
        got = compute(signal, "cpp.resample_poly", {"up": up, "down": down}, x=x)
        assert_close(got, reference.resample_poly(x, up, down), size=float(np.abs(x).max()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padtype", [*MODES, "mean", "median", "minimum", "maximum"])
def test_resample_poly_padding(signal: host.Plugin, padtype: str, dtype: str) -> None:
    if dtype.startswith("complex") and padtype in ("median", "minimum", "maximum"):
        return
    for length in [2, 3, 4, 5, 20, 21, 300]:  # shorter than the padding, and longer
        for up, down in [(3, 2), (2, 3), (1, 4), (5, 1)]:
            x = random((length,), dtype, length)
            how = {"up": up, "down": down, "padtype": padtype}
            expected = reference.resample_poly(x, **how)
            got = compute(signal, "cpp.resample_poly", how, x=x)
            assert_close(got, expected, 200, size=max(np.abs(x).max(), np.abs(expected).max()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_resample_poly_axes_and_windows(signal: host.Plugin, dtype: str) -> None:
    for shape, axis in [((3, 20), -1), ((20, 3), 0), ((2, 9, 3), 1)]:
        x = random(shape, dtype)
        for window in ("hann", ["kaiser", 8.0], [0.5, 1.0, 0.25], [0.5, 1.0, 1.0, 0.25]):
            how = {"up": 3, "down": 2, "axis": axis, "window": window}
            expected = reference.resample_poly(x, **tuples(how))
            assert_close(compute(signal, "cpp.resample_poly", how, x=x), expected)
        how = {"up": 2, "down": 5, "axis": axis, "cval": 1.5}
        expected = reference.resample_poly(x, **how)
        assert_close(compute(signal, "cpp.resample_poly", how, x=x), expected)


@settings(deadline=None, max_examples=50)
@given(length=st.integers(1, 400), up=st.integers(1, 40), down=st.integers(1, 40))
def test_a_constant_stays_one(signal: host.Plugin, length: int, up: int, down: int) -> None:
    how = {"up": up, "down": down, "padtype": "edge"}
    y = compute(signal, "cpp.resample_poly", how, x=np.full(length, 2.0))
    assert y.shape == (-(-length * up // down),)
    np.testing.assert_allclose(y, 2.0, rtol=2e-3)


def test_progress_and_cancellation(signal: host.Plugin) -> None:
    x = {"x": Tensor(random((10_000_000,), "float64"))}  # more than is done between two reports
    how = json.dumps({"up": 3, "down": 2})
    told: list[float] = []
    signal.run("cpp.resample_poly", how, x, allocate, progress=lambda part, _: told.append(part))
    assert told[0] == 0.0
    assert len(told) > 1
    assert told == sorted(told)
    flag = host.CancelFlag()
    with pytest.raises(host.PluginCancelled):
        signal.run(
            "cpp.resample_poly",
            how,
            x,
            allocate,
            cancelled=flag,
            progress=lambda part, _: flag.set() if part > 0 else None,
        )


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("resample", {"num": 0}, "parameters.num"),
        ("resample", {"num": 2**62}, "parameters.num"),
        ("resample", {}, "parameters.num"),
        ("resample", {"num": 4, "window": [1.0]}, "parameters.window"),
        ("resample", {"num": 4, "domain": "space"}, "parameters.domain"),
        ("resample_poly", {"up": 0, "down": 1}, "parameters.up"),
        ("resample_poly", {"up": 1, "down": -1}, "parameters.down"),
        ("resample_poly", {"up": 1}, "parameters.down"),
        ("resample_poly", {"up": 2**20 + 1, "down": 1}, "parameters.up"),
        ("resample_poly", {"up": 1, "down": 2**40}, "parameters.down"),
        ("resample_poly", {"up": 1, "down": 2, "padtype": "none"}, "parameters.padtype"),
        ("resample_poly", {"up": 1, "down": 2, "padtype": "edge", "cval": 1}, "parameters.cval"),
        ("resample_poly", {"up": 1, "down": 2, "axis": 1}, "parameters.axis"),
    ],
)
def test_refusals(signal: host.Plugin, name: str, parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(signal, f"cpp.{name}", parameters, x=np.ones(10))
    assert list(refused.value.fields) == [field]


def test_more_than_there_is_memory_for(signal: host.Plugin) -> None:
    with pytest.raises((host.PluginError, MemoryError)):
        compute(signal, "cpp.resample", {"num": 2**40}, x=np.ones(10))
