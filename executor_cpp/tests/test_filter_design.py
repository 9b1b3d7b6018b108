"""cpp.butter, cheby1 and cheby2 against SciPy."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from conftest import Array, outputs, random
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host

reference: Any = importlib.import_module("scipy.signal")  # whose types say little

KINDS: dict[str, dict[str, float]] = {
    "butter": {},
    "cheby1": {"rp": 0.5},
    "cheby2": {"rs": 40.0},
}
BANDS: dict[str, Any] = {"low": 0.3, "high": 0.4, "bandpass": [0.2, 0.5], "bandstop": [0.1, 0.7]}
ORDERS = [1, 2, 3, 4, 5, 8, 11, 20]


def expected(kind: str, order: int, edge: Any, btype: str, output: str, **more: Any) -> Any:
    return getattr(reference, kind)(
        order, *KINDS[kind].values(), edge, btype=btype, output=output, **more
    )


def designed(
    filters: host.Plugin, kind: str, order: int, edge: Any, **more: Any
) -> dict[str, Array]:
    parameters = {"N": order, "Wn": edge, **KINDS[kind], **more}
    return outputs(filters, f"cpp.{kind}", parameters)


def in_order(roots: Array) -> Array:
    """Roots come in any order, and real ones with a rounded imaginary part."""
    keys = np.round(roots, 9) + 0.0
    return roots[np.lexsort((keys.imag, keys.real))]


@pytest.mark.parametrize("btype", BANDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_zeros_poles_and_gain(filters: host.Plugin, kind: str, btype: str, order: int) -> None:
    got = designed(filters, kind, order, BANDS[btype], btype=btype, output="zpk")
    z, p, k = expected(kind, order, BANDS[btype], btype, "zpk")
    assert np.allclose(in_order(got["z"]), in_order(np.asarray(z, complex)), atol=1e-7)
    assert np.allclose(in_order(got["p"]), in_order(np.asarray(p, complex)), atol=1e-9)
    assert np.allclose(got["k"], k, rtol=1e-9)


@pytest.mark.parametrize("btype", BANDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8])
def test_coefficients(filters: host.Plugin, kind: str, btype: str, order: int) -> None:
    got = designed(filters, kind, order, BANDS[btype], btype=btype)
    b, a = expected(kind, order, BANDS[btype], btype, "ba")
    assert np.allclose(got["b"], b, rtol=1e-7, atol=1e-11 * abs(b).max())
    assert np.allclose(got["a"], a, rtol=1e-7, atol=1e-11 * abs(a).max())


@pytest.mark.parametrize("btype", BANDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_sections(filters: host.Plugin, kind: str, btype: str, order: int) -> None:
    got = designed(filters, kind, order, BANDS[btype], btype=btype, output="sos")["sos"]
    sos = expected(kind, order, BANDS[btype], btype, "sos")
    assert got.shape == sos.shape
    _, response = reference.sosfreqz(got, 300)
    _, wanted = reference.sosfreqz(sos, 300)
    assert np.allclose(response, wanted, atol=1e-9)
    if btype in ("low", "high"):  # elsewhere rounding may decide which pole is the worse
        assert np.allclose(got, sos, rtol=1e-6, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    order=st.integers(1, 12),
    edge=st.floats(0.02, 0.98),
    btype=st.sampled_from(["low", "high"]),
    rate=st.floats(1.0, 1e5),
)
def test_any_edge_and_rate(
    filters: host.Plugin, kind: str, order: int, edge: float, btype: str, rate: float
) -> None:
    edge *= rate / 2
    more = {"btype": btype, "output": "sos", "fs": rate}
    got = designed(filters, kind, order, edge, **more)["sos"]
    sos = expected(kind, order, edge, btype, "sos", fs=rate)
    _, response = reference.sosfreqz(got, 64)
    _, wanted = reference.sosfreqz(sos, 64)
    assert np.allclose(response, wanted, atol=1e-6)


def test_what_is_designed_filters(filters: host.Plugin) -> None:
    x = random((2000,), "float64")
    sos = designed(filters, "butter", 6, [0.1, 0.3], btype="bandpass", output="sos")["sos"]
    got = outputs(filters, "cpp.sosfiltfilt", {}, sos=sos, x=x)["y"]
    wanted = reference.butter(6, [0.1, 0.3], "bandpass", output="sos")
    assert np.allclose(got, reference.sosfiltfilt(wanted, x), atol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"Wn": 0.5}, "parameters.N"),
        ({"N": 0, "Wn": 0.5}, "parameters.N"),
        ({"N": 501, "Wn": 0.5}, "parameters.N"),
        ({"N": 2}, "parameters.Wn"),
        ({"N": 2, "Wn": 1.0}, "parameters.Wn"),
        ({"N": 2, "Wn": 0}, "parameters.Wn"),
        ({"N": 2, "Wn": [0.1, 0.2]}, "parameters.Wn"),
        ({"N": 2, "Wn": 0.1, "btype": "bandpass"}, "parameters.Wn"),
        ({"N": 2, "Wn": [0.3, 0.2], "btype": "bandpass"}, "parameters.Wn"),
        ({"N": 2, "Wn": 0.1, "btype": "notch"}, "parameters.btype"),
        ({"N": 2, "Wn": 0.1, "output": "ss"}, "parameters.output"),
        ({"N": 2, "Wn": 0.1, "fs": 0}, "parameters.fs"),
    ],
)
def test_what_makes_no_sense_is_named(
    filters: host.Plugin, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refusal:
        outputs(filters, "cpp.butter", parameters)
    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(("kind", "name"), [("cheby1", "rp"), ("cheby2", "rs")])
@pytest.mark.parametrize("value", [None, 0, -1])
def test_decibels_are_needed(filters: host.Plugin, kind: str, name: str, value: Any) -> None:
    given = {} if value is None else {name: value}
    with pytest.raises(host.PluginInvalidInput) as refusal:
        outputs(filters, f"cpp.{kind}", {"N": 2, "Wn": 0.1, **given})
    assert list(refusal.value.fields) == [f"parameters.{name}"]


def test_high_orders(filters: host.Plugin) -> None:
    sos = designed(filters, "butter", 100, 0.3, output="sos")["sos"]
    _, response = reference.sosfreqz(sos, [0.0])
    assert np.allclose(abs(response), 1.0, rtol=1e-6)
    with pytest.raises(host.PluginFailure) as failure:
        designed(filters, "butter", 500, 0.3, output="sos")
    assert failure.value.type == "OutOfRange"
