"""cpp.window, stft, istft, welch, periodogram and hilbert against SciPy."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy as np
import pytest
from conftest import Array, compute, outputs, random
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host

reference: Any = importlib.import_module("scipy.signal")  # whose types say little

DTYPES = ("float32", "float64", "complex64", "complex128")
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 64, 65, 97, 128, 1000]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")


def assert_close(
    got: Array, expected: Array, units: float = 30.0, size: float | None = None
) -> None:
    """Equal but for rounding, in units of the precision's epsilon at `size`: the largest element's,
    unless it is stated since sums cancel each other out."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if expected.size:
        tolerance = units * float(np.finfo(expected.dtype).eps) * (size or np.abs(expected).max())
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def spectra(plugin: host.Plugin, name: str, x: Array, parameters: dict[str, Any]) -> None:
    """Compares all outputs of a function of that name."""
    expected = getattr(reference, name)(x, **tuples(parameters))
    got = outputs(plugin, f"cpp.{name}", parameters, x=x)
    names = ("f", "t", "Zxx") if name == "stft" else ("f", "Pxx")
    for output, wanted in zip(names, expected, strict=True):
        assert_close(got[output], wanted)


def tuples(parameters: dict[str, Any]) -> dict[str, Any]:
    """SciPy's windows with arguments are tuples, JSON's are lists."""
    window = parameters.get("window")
    if isinstance(window, list):
        window = tuple(window) if isinstance(window[0], str) else np.array(window)
        return {**parameters, "window": window}
    return parameters


WINDOWS: list[Any] = [
    *[
        "boxcar",
        "hann",
        "hamming",
        "blackman",
        "nuttall",
        "blackmanharris",
        "flattop",
        "triang",
        "bartlett",
    ],
    *["parzen", "bohman", "barthann", "cosine", "lanczos", "tukey", "exponential", "taylor"],
    "hann_symmetric",
    "hamming_periodic",
    8.6,
    ["kaiser", 0],
    ["kaiser", 14],
    ["gaussian", 3.5],
    ["general gaussian", 1.5, 4],
    ["general_hamming", 0.6],
    ["general_cosine", [1, 1.9, 1.2, 0.4]],
    ["tukey", 0.0],
    ["tukey", 0.3],
    ["tukey", 1],
    ["exponential", None, 3],
    ["taylor", 5, 35, False],
]


@pytest.mark.parametrize("fftbins", [True, False])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows(signal: host.Plugin, window: Any, fftbins: bool) -> None:
    for length in [1, 2, 3, 4, 5, 8, 17, 64, 127, 128, 129, 1000]:
        named = tuple(window) if isinstance(window, list) else window
        parameters = {"window": window, "Nx": length, "fftbins": fftbins}
        expected = reference.get_window(named, length, fftbins)
        np.testing.assert_allclose(
            compute(signal, "cpp.window", parameters), expected, rtol=0, atol=2e-14
        )


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"window": "hat", "Nx": 4}, "parameters.window"),
        ({"window": ["hann", 3], "Nx": 4}, "parameters.window"),
        ({"window": "kaiser", "Nx": 4}, "parameters.window"),
        ({"window": ["kaiser", "x"], "Nx": 4}, "parameters.window[1]"),
        ({"window": ["gaussian", 0], "Nx": 4}, "parameters.window[1]"),
        ({"window": ["taylor", 1e9], "Nx": 4}, "parameters.window[1]"),
        ({"window": [], "Nx": 4}, "parameters.window"),
        ({"window": [1, 2], "Nx": 2}, "parameters.window"),
        ({"window": "hann"}, "parameters.Nx"),
        ({"window": "hann", "Nx": 0}, "parameters.Nx"),
        ({"window": "hann", "Nx": -5}, "parameters.Nx"),
        ({"window": "hann", "Nx": 2**62}, "parameters.Nx"),
        ({"Nx": 4}, "parameters.window"),
    ],
)
def test_windows_that_are_refused(
    signal: host.Plugin, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(signal, "cpp.window", parameters)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
def test_stft_lengths(signal: host.Plugin, length: int, dtype: str) -> None:
    x = random((length,), dtype, length)
    spectra(signal, "stft", x, {})
    spectra(signal, "stft", x, {"nperseg": max(1, length // 3), "fs": 48e3})


STFT = [
    {"nperseg": 16, "noverlap": 0},
    {"nperseg": 16, "noverlap": 15, "boundary": None},
    {"nperseg": 15, "noverlap": 4, "nfft": 32},
    {"nperseg": 15, "nfft": 33, "padded": False},
    {"nperseg": 20, "noverlap": -7, "padded": False},
    {"nperseg": 20, "boundary": "even"},
    {"nperseg": 20, "boundary": "odd", "padded": False},
    {"nperseg": 21, "boundary": "constant", "detrend": "constant"},
    {"nperseg": 20, "detrend": "linear", "scaling": "psd", "fs": 10.0},
    {"nperseg": 20, "return_onesided": False, "window": "flattop"},
    {"nperseg": 19, "return_onesided": False, "window": ["kaiser", 5.0]},
    {"nperseg": 4, "window": [0.5, 1.0, 1.0, 0.25]},
    {"nperseg": 1, "noverlap": 0},
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parameters", STFT, ids=str)
def test_stft_parameters(signal: host.Plugin, parameters: dict[str, Any], dtype: str) -> None:
    for shape, axis in [((100,), -1), ((3, 61), 1), ((61, 3), 0), ((2, 50, 3), -2)]:
        spectra(signal, "stft", random(shape, dtype), {**parameters, "axis": axis})


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"nperseg": 33},
        {"nperseg": 32, "noverlap": 24, "window": "hamming"},
        {"nperseg": 31, "noverlap": 20, "nfft": 64, "scaling": "psd", "fs": 8.0},
        {"nperseg": 30, "boundary": None, "window": "boxcar", "noverlap": 0},
    ],
    ids=str,
)
def test_istft(signal: host.Plugin, parameters: dict[str, Any], dtype: str) -> None:
    x = random((2, 3, 250), dtype)
    _, _, there = reference.stft(x, **parameters)
    inverse = {name: value for name, value in parameters.items() if name != "boundary"}
    inverse["boundary"] = "boundary" not in parameters
    inverse["input_onesided"] = not dtype.startswith("complex")
    for axes in itertools.permutations(range(4)):
        z = np.moveaxis(there, [2, 3], axes[:2])
        inverse["freq_axis"], inverse["time_axis"] = axes[0], axes[1] - 4
        _, expected = reference.istft(z, **inverse)
        got = outputs(signal, "cpp.istft", inverse, Zxx=z)
        assert_close(got["x"], expected)
        times = np.arange(got["x"].shape[axes[1] - (axes[0] < axes[1])]) / inverse.get("fs", 1.0)
        np.testing.assert_allclose(got["t"], times, rtol=1e-15)


def test_istft_of_what_no_signal_has(signal: host.Plugin) -> None:
    z = random((9, 20), "complex128")
    for parameters in [{}, {"input_onesided": False}, {"nperseg": 10}, {"nfft": 40}]:
        _, expected = reference.istft(z, **parameters)
        assert_close(outputs(signal, "cpp.istft", parameters, Zxx=z)["x"], expected)
    # No window reaches the first point.
    output = outputs(signal, "cpp.istft", {"boundary": False}, Zxx=z)["x"]
    assert_close(output, reference.istft(z, boundary=False)[1], 100.0)


@settings(deadline=None, max_examples=50)
@given(
    length=st.integers(1, 300),
    nperseg=st.integers(2, 64),
    share=st.floats(0.5, 0.9),
    dtype=st.sampled_from(DTYPES),
)
def test_stft_and_back(
    signal: host.Plugin, length: int, nperseg: int, share: float, dtype: str
) -> None:
    x = random((length,), dtype, length)
    nperseg = min(nperseg, length)
    how = {"nperseg": nperseg, "noverlap": int(nperseg * share), "window": "hamming"}
    if length < 2:
        return
    z = outputs(signal, "cpp.stft", how, x=x)["Zxx"]
    how["input_onesided"] = not dtype.startswith("complex")
    back = outputs(signal, "cpp.istft", how, Zxx=z)["x"]
    assert back.dtype == x.dtype
    tolerance = 200 * float(np.finfo(dtype).eps) * np.abs(x).max()
    np.testing.assert_allclose(back[:length], x, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
def test_power_spectra_of_every_length(signal: host.Plugin, length: int, dtype: str) -> None:
    x = random((length,), dtype, length) + 3
    spectra(signal, "welch", x, {"detrend": False})
    spectra(signal, "periodogram", x, {"detrend": False})
    if length > 2:
        spectra(signal, "welch", x, {"nperseg": (length + 2) // 3})
        spectra(signal, "periodogram", x, {"fs": 100.0})


WELCH = [
    {"nperseg": 16, "noverlap": 0},
    {"nperseg": 16, "noverlap": 15},
    {"nperseg": 15, "nfft": 32, "scaling": "spectrum"},
    {"nperseg": 15, "nfft": 33, "detrend": "linear"},
    {"nperseg": 20, "average": "median", "fs": 5.0},
    {"nperseg": 21, "average": "median", "noverlap": 3},
    {"nperseg": 20, "return_onesided": False, "window": ["gaussian", 4]},
    {"window": [0.5, 1.0, 1.0, 0.25, 0.1]},
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parameters", WELCH, ids=str)
def test_welch_parameters(signal: host.Plugin, parameters: dict[str, Any], dtype: str) -> None:
    for shape, axis in [((100,), -1), ((3, 61), 1), ((61, 3), 0), ((2, 50, 3), -2)]:
        spectra(signal, "welch", random(shape, dtype) + 1, {**parameters, "axis": axis})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "parameters",
    [
        {"nfft": 64},
        {"nfft": 20},
        {"window": "hann", "detrend": "linear", "scaling": "spectrum"},
        {"return_onesided": False},
    ],
    ids=str,
)
def test_periodogram_parameters(
    signal: host.Plugin, parameters: dict[str, Any], dtype: str
) -> None:
    for shape, axis in [((50,), -1), ((3, 51), 1), ((51, 3), 0)]:
        spectra(signal, "periodogram", random(shape, dtype) + 1, {**parameters, "axis": axis})


def test_a_window_may_be_an_input(signal: host.Plugin) -> None:
    x, window = random((100,), "float64"), random((20,), "float64") ** 2
    got = outputs(signal, "cpp.welch", {"fs": 2.0}, x=x, window=window)
    assert_close(got["Pxx"], reference.welch(x, 2.0, window)[1])


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("stft", {"nperseg": 0}, "parameters.nperseg"),
        ("stft", {"nperseg": -1}, "parameters.nperseg"),
        ("stft", {"nperseg": 8, "noverlap": 8}, "parameters.noverlap"),
        ("stft", {"nperseg": 8, "nfft": 7}, "parameters.nfft"),
        ("stft", {"nperseg": 8, "nfft": 2**63 - 1}, "parameters.nfft"),
        ("stft", {"fs": 0}, "parameters.fs"),
        ("stft", {"axis": 1}, "parameters.axis"),
        ("stft", {"boundary": "wrap"}, "parameters.boundary"),
        ("stft", {"detrend": True}, "parameters.detrend"),
        ("stft", {"scaling": "density"}, "parameters.scaling"),
        ("stft", {"window": [1.0] * 11}, "parameters.window"),
        ("stft", {"window": [1.0] * 3, "nperseg": 4}, "parameters.nperseg"),
        ("welch", {"average": "mode"}, "parameters.average"),
        ("welch", {"noverlap": 2**62}, "parameters.noverlap"),
        ("periodogram", {"nfft": 0}, "parameters.nfft"),
        ("periodogram", {"window": [1.0] * 3}, "parameters.window"),
        ("hilbert", {"N": 0}, "parameters.N"),
        ("hilbert", {"N": 2**62}, "parameters.N"),
        ("hilbert", {"axis": -2}, "parameters.axis"),
    ],
)
def test_refusals(signal: host.Plugin, name: str, parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(signal, f"cpp.{name}", parameters, x=np.ones(10))
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(
    ("parameters", "shape", "field"),
    [
        ({}, (4,), "inputs.Zxx"),
        ({}, (1, 4), "inputs.Zxx"),
        ({"time_axis": -2}, (4, 4), "parameters.freq_axis"),
        ({"nperseg": 7, "nfft": 6}, (4, 4), "parameters.nfft"),
        ({"nperseg": 9}, (4, 4), "parameters.nperseg"),
        ({"noverlap": 6}, (4, 4), "parameters.noverlap"),
        ({"window": [1, 2]}, (4, 4), "parameters.window"),
    ],
)
def test_istft_refusals(
    signal: host.Plugin, parameters: dict[str, Any], shape: tuple[int, ...], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(signal, "cpp.istft", parameters, Zxx=np.ones(shape, "complex128"))
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("name", ["stft", "welch", "periodogram", "hilbert"])
def test_more_than_there_is_memory_for(signal: host.Plugin, name: str) -> None:
    length = "N" if name == "hilbert" else "nfft"
    with pytest.raises((host.PluginError, MemoryError)):
        outputs(signal, f"cpp.{name}", {length: 2**40}, x=np.ones(10))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
def test_hilbert(signal: host.Plugin, length: int, dtype: str) -> None:
    x = random((length,), dtype, length)
    assert_close(compute(signal, "cpp.hilbert", {}, x=x), reference.hilbert(x))
    for points in (length + 3, max(1, length - 2)):
        got = compute(signal, "cpp.hilbert", {"N": points}, x=x)
        assert_close(got, reference.hilbert(x, points))
    x = random((2, length, 3), dtype)
    assert_close(compute(signal, "cpp.hilbert", {"axis": 1}, x=x), reference.hilbert(x, axis=1))
