"""cpp.find_peaks against SciPy."""

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

pytestmark = pytest.mark.filterwarnings("ignore")


def check(plugin: host.Plugin, x: Array, conditions: dict[str, Any]) -> None:
    got = outputs(plugin, "cpp.find_peaks", conditions, x=x)
    lists = {
        name: tuple(np.array(v) if isinstance(v, list) else v for v in value)
        if isinstance(value, list)
        else value
        for name, value in conditions.items()
    }
    peaks, properties = reference.find_peaks(x, **lists)
    expected = {"peaks": peaks, **properties}
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name, strict=True)


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"height": 0.5},
    {"height": [None, 0.5]},
    {"height": [0.1, 1.0]},
    {"threshold": 0.3},
    {"threshold": [0.1, 1.5]},
    {"distance": 1},
    {"distance": 3.5},
    {"prominence": 1},
    {"prominence": [None, 2], "wlen": 5},
    {"prominence": 0.1, "wlen": 10.5},
    {"width": 1.5},
    {"width": [None, 4], "rel_height": 0.9},
    {"width": 0, "rel_height": 0},
    {"width": 0, "rel_height": 3},
    {"plateau_size": 1},
    {"plateau_size": [2, None]},
    {"height": 0, "threshold": 0.1, "distance": 2, "prominence": 0.2, "width": 0.5},
    {"plateau_size": [None, 3], "height": [None, None], "width": 0, "wlen": 30},
]


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
def test_conditions(signal: host.Plugin, conditions: dict[str, Any]) -> None:
    for length in [0, 1, 2, 3, 4, 5, 10, 100, 1000]:
        check(signal, random((length,), "float64", length), conditions)
        check(signal, random((length,), "float32", length), conditions)
    steady = np.repeat(random((60,), "float64"), 3)
    check(signal, steady, conditions)


def test_bounds_for_each_element(signal: host.Plugin) -> None:
    x = random((50,), "float64")
    check(signal, x, {"height": [[0.01 * i for i in range(50)], None]})
    check(signal, x, {"prominence": [None, [0.1 * i for i in range(50)]]})


@settings(deadline=None, max_examples=200)
@given(
    x=st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan"), float("inf")]), max_size=30),
    conditions=st.sampled_from([one for one in CONDITIONS if "distance" not in one]),
)
def test_plateaus_and_odd_numbers(
    signal: host.Plugin, x: list[float], conditions: dict[str, Any]
) -> None:
    check(signal, np.array(x), conditions)


def test_more_than_any_signal(signal: host.Plugin) -> None:
    # SciPy's integers overflow here.
    x = random((100,), "float64")
    far = outputs(signal, "cpp.find_peaks", {"distance": 1e300}, x=x)["peaks"]
    assert far.tolist() == [1 + int(np.argmax(x[1:-1]))]
    wide = outputs(signal, "cpp.find_peaks", {"prominence": 0, "wlen": 1e300}, x=x)
    _, properties = reference.find_peaks(x, prominence=0)
    np.testing.assert_array_equal(wide["prominences"], properties["prominences"])


@pytest.mark.parametrize(
    ("conditions", "field"),
    [
        ({"distance": 0.5}, "parameters.distance"),
        ({"wlen": 1, "prominence": 1}, "parameters.wlen"),
        ({"rel_height": -1}, "parameters.rel_height"),
        ({"height": "high"}, "parameters.height"),
        ({"height": [1, "high"]}, "parameters.height[1]"),
        ({"height": [[1, 2], 3]}, "parameters.height[0]"),
        ({"width": [1, 2, 3]}, "parameters.width"),
    ],
)
def test_refusals(signal: host.Plugin, conditions: dict[str, Any], field: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(signal, "cpp.find_peaks", conditions, x=np.ones(10))
    assert list(refused.value.fields) == [field]


def test_one_dimension(signal: host.Plugin) -> None:
    with pytest.raises(host.PluginInvalidInput):
        outputs(signal, "cpp.find_peaks", {}, x=np.ones((2, 5)))
