"""cpp.lfilter, sosfilt, filtfilt, sosfiltfilt and firwin against SciPy."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from conftest import Array, compute, outputs, random
from hypothesis import given, settings
from hypothesis import strategies as st
from test_signal import DTYPES, assert_close, tuples

import edgemesh_cpp_host as host

reference: Any = importlib.import_module("scipy.signal")  # whose types say little

LENGTHS = [0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 33, 100, 257]
FILTERS: dict[str, tuple[Any, Any]] = {
    "gain": ([2.0], [4.0]),
    "fir2": ([1.0, 0.5], [1.0]),
    "fir5": ([1.0, 0.5, -0.25, 0.125, 1.0], [2.0]),
    "fir40": (reference.firwin(40, 0.3), [1.0]),
    "one pole": ([0.1], [1.0, -0.9]),
    "leading": ([0.3, 0.1, 0.2, 0.1], [2.0, -0.5]),
    "trailing": ([0.3], [0.5, -0.1, 0.05, 0.0]),
    **{f"butter{n}": reference.butter(n, 0.3) for n in (2, 3, 4, 5, 6, 7, 8, 9)},
}


def state_length(name: str) -> int:
    return max(len(part) for part in FILTERS[name]) - 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FILTERS)
def test_lfilter(filters: host.Plugin, name: str, dtype: str) -> None:
    b, a = (np.array(part).astype(dtype) for part in FILTERS[name])
    for length in LENGTHS:
        x, zi = random((length,), dtype, length), random((state_length(name),), dtype)
        expected, zf = reference.lfilter(b, a, x, zi=zi) if length else (x, zi)
        got = outputs(filters, "cpp.lfilter", {}, b=b, a=a, x=x, zi=zi)
        assert_close(got["y"], expected, 300)
        assert_close(got["zf"], zf, 300)
        if length:
            got = outputs(filters, "cpp.lfilter", {}, b=b, a=a, x=x)
            assert_close(got["y"], reference.lfilter(b, a, x), 300)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("name", ["fir5", "butter3"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 20), -1), ((20, 3), 0), ((2, 20, 3), 1), ((20, 2, 3), -3)]
)
def test_lfilter_axes(
    filters: host.Plugin, name: str, shape: tuple[int, ...], axis: int, dtype: str
) -> None:
    b, a = FILTERS[name]
    x = random(shape, dtype)
    for every in (True, False):  # a state for each line, or one for all
        states = [n if every else 1 for n in shape]
        states[axis] = state_length(name)
        zi = random(tuple(states), dtype)
        expected, zf = reference.lfilter(b, a, x, axis, zi)
        got = outputs(filters, "cpp.lfilter", {"axis": axis}, b=b, a=a, x=x, zi=zi)
        assert_close(got["y"], expected, 300)
        assert_close(got["zf"], zf, 300)


@pytest.mark.parametrize("b", DTYPES)
@pytest.mark.parametrize("x", DTYPES)
def test_types_are_promoted(filters: host.Plugin, b: str, x: str) -> None:
    arrays = {"b": random((3,), b), "a": np.array([2, 0.5], b), "x": random((9,), x)}
    assert_close(compute(filters, "cpp.lfilter", {}, **arrays), reference.lfilter(**arrays), 300)


@settings(deadline=None, max_examples=100)
@given(
    name=st.sampled_from(list(FILTERS)),
    cuts=st.lists(st.integers(0, 300), max_size=5),
    sections=st.booleans(),
)
def test_piece_by_piece(filters: host.Plugin, name: str, cuts: list[int], sections: bool) -> None:
    """A signal in pieces, with zf passed back as zi, is filtered as the whole is."""
    x = random((300,), "float64")
    b, a = FILTERS[name]
    algorithm, how = "cpp.lfilter", {"b": b, "a": a}
    if sections:
        algorithm, how = "cpp.sosfilt", {"sos": reference.butter(5, 0.3, output="sos")}
    whole = outputs(filters, algorithm, {}, x=x, **how)
    state: dict[str, Array] = {}
    pieces: list[Array] = []
    for piece in np.split(x, sorted(cuts)):
        got = outputs(filters, algorithm, {}, x=piece, **how, **state)
        state = {"zi": got["zf"]}
        pieces.append(got["y"])
    assert_close(np.concatenate(pieces), whole["y"], 100)
    np.testing.assert_allclose(state["zi"], whole["zf"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 6, 7, 8, 11, 16])
def test_sosfilt(filters: host.Plugin, order: int, dtype: str) -> None:
    sos = reference.butter(order, 0.2, output="sos").astype(dtype)
    cases: list[tuple[tuple[int, ...], int]] = [((length,), 0) for length in LENGTHS]
    for shape, axis in [*cases, ((3, 20), -1), ((2, 9, 3), 1)]:
        x = random(shape, dtype)
        states = [len(sos), *shape]
        states[1 + axis % len(shape)] = 2
        zi = random(tuple(states), dtype)
        expected, zf = reference.sosfilt(sos, x, axis, zi) if x.size else (x, zi)
        got = outputs(filters, "cpp.sosfilt", {"axis": axis}, sos=sos, x=x, zi=zi)
        assert_close(got["y"], expected, 300)
        assert_close(got["zf"], zf, 300)
        if x.size:
            got = outputs(filters, "cpp.sosfilt", {"axis": axis}, sos=sos, x=x)
            assert_close(got["y"], reference.sosfilt(sos, x, axis), 300)


PADDINGS: list[dict[str, Any]] = [
    {},
    {"padtype": "even"},
    {"padtype": "constant", "padlen": 40},
    {"padtype": "odd", "padlen": 0},
    {"padtype": None},
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("parameters", PADDINGS, ids=str)
def test_filtfilt(filters: host.Plugin, parameters: dict[str, Any], dtype: str) -> None:
    for shape, axis in [((61,), -1), ((3, 60), 1), ((60, 3), 0), ((2, 59, 3), -2)]:
        x, how = random(shape, dtype), {**parameters, "axis": axis}
        wide = x.astype(np.result_type(x, np.float64))  # SciPy extends x in its own precision
        for name in ("fir5", "one pole", "leading", "butter3"):
            b, a = FILTERS[name]
            expected = reference.filtfilt(b, a, wide, **how)
            assert_close(compute(filters, "cpp.filtfilt", how, b=b, a=a, x=x), expected, 300)
        for order in (1, 2, 5):
            sos = reference.butter(order, 0.3, output="sos")
            expected = reference.sosfiltfilt(sos, wide, **how)
            assert_close(compute(filters, "cpp.sosfiltfilt", how, sos=sos, x=x), expected, 300)


@pytest.mark.parametrize(
    "parameters",
    [
        {"numtaps": 1, "cutoff": 0.5},
        {"numtaps": 2, "cutoff": 0.1},
        {"numtaps": 33, "cutoff": 0.3, "pass_zero": False},
        {"numtaps": 33, "cutoff": 0.3, "pass_zero": "highpass"},
        {"numtaps": 64, "cutoff": [0.3, 0.5], "pass_zero": "bandpass"},
        {"numtaps": 65, "cutoff": [0.3, 0.5], "pass_zero": "bandstop", "scale": False},
        {"numtaps": 64, "cutoff": [100, 200, 300], "fs": 1000.0, "window": ["kaiser", 5]},
        {"numtaps": 40, "cutoff": 0.3, "width": 0.05},
        {"numtaps": 400, "cutoff": 0.3, "width": 0.05},
        {"numtaps": 40, "cutoff": 0.3, "width": 0.001},
    ],
    ids=str,
)
def test_firwin(filters: host.Plugin, parameters: dict[str, Any]) -> None:
    got = compute(filters, "cpp.firwin", parameters)
    assert_close(got, reference.firwin(**tuples(parameters)))


@pytest.mark.parametrize(
    ("name", "parameters", "arrays", "field"),
    [
        ("lfilter", {}, {"b": [1.0], "a": [0.0, 1.0]}, "inputs.a"),
        ("lfilter", {}, {"b": [[1.0]], "a": [1.0]}, "inputs.b"),
        ("lfilter", {}, {"b": [], "a": [1.0]}, "inputs.b"),
        ("lfilter", {}, {"b": [1], "a": [1.0]}, "inputs.b"),
        ("lfilter", {"axis": 1}, {"b": [1.0], "a": [1.0]}, "parameters.axis"),
        ("lfilter", {}, {"b": [1.0, 1.0], "a": [1.0], "zi": [1.0, 2.0]}, "inputs.zi"),
        ("lfilter", {}, {"b": [1.0, 1.0], "a": [1.0], "zi": [[1.0]]}, "inputs.zi"),
        ("sosfilt", {}, {"sos": [[1.0, 0, 0, 2.0, 0, 0]]}, "inputs.sos"),
        ("sosfilt", {}, {"sos": [[1.0, 0, 0, 1.0, 0]]}, "inputs.sos"),
        ("sosfilt", {}, {"sos": [1.0, 0, 0, 1.0, 0, 0]}, "inputs.sos"),
        ("sosfilt", {}, {"sos": [[1.0, 0, 0, 1.0, 0, 0]], "zi": [[1.0]]}, "inputs.zi"),
        ("filtfilt", {"padlen": 5}, {"b": [1.0], "a": [1.0]}, "inputs.x"),
        ("filtfilt", {"padlen": -1}, {"b": [1.0], "a": [1.0]}, "parameters.padlen"),
        ("filtfilt", {"padlen": 2**62}, {"b": [1.0], "a": [1.0]}, "parameters.padlen"),
        ("filtfilt", {"padtype": "wrap"}, {"b": [1.0], "a": [1.0]}, "parameters.padtype"),
        ("filtfilt", {}, {"b": [1.0, 1.0], "a": [1.0]}, "inputs.x"),
        ("firwin", {"numtaps": 0, "cutoff": 0.1}, {}, "parameters.numtaps"),
        ("firwin", {"cutoff": 0.1}, {}, "parameters.numtaps"),
        ("firwin", {"numtaps": 3}, {}, "parameters.cutoff"),
        ("firwin", {"numtaps": 3, "cutoff": 1.0}, {}, "parameters.cutoff"),
        ("firwin", {"numtaps": 3, "cutoff": [0.3, 0.2]}, {}, "parameters.cutoff"),
        ("firwin", {"numtaps": 3, "cutoff": []}, {}, "parameters.cutoff"),
        ("firwin", {"numtaps": 3, "cutoff": 0.3, "pass_zero": "bandpass"}, {}, "parameters.cutoff"),
        ("firwin", {"numtaps": 4, "cutoff": 0.3, "pass_zero": False}, {}, "parameters.numtaps"),
        ("firwin", {"numtaps": 4, "cutoff": 0.3, "window": "hat"}, {}, "parameters.window"),
    ],
)
def test_refusals(
    filters: host.Plugin,
    name: str,
    parameters: dict[str, Any],
    arrays: dict[str, Any],
    field: str,
) -> None:
    if arrays:
        arrays = {**arrays, "x": np.arange(5.0)}
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(filters, f"cpp.{name}", parameters, **arrays)
    assert list(refused.value.fields) == [field]


def test_a_filter_that_never_settles(filters: host.Plugin) -> None:
    with pytest.raises(host.PluginFailure) as failed:
        compute(filters, "cpp.filtfilt", {}, b=[1.0], a=[1.0, -1.0], x=np.arange(9.0))
    assert failed.value.type == "SingularMatrix"
