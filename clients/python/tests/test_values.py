"""Values cross into a real sandbox and back, equal and of their own type."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import zoneinfo
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgemesh_client import Client, Undecodable, ValueUnfit
from edgemesh_client.values import Encoder, decode, to_tensor
from edgemesh_client.values.decode import _DECODERS  # pyright: ignore[reportPrivateUsage]
from edgemesh_client.values.tables import DECODERS

ZONES = st.sampled_from([zoneinfo.ZoneInfo(z) for z in ("Europe/Berlin", "Asia/Kathmandu")])
HOURS = dt.timedelta(hours=23)
OFFSETS = st.builds(dt.timezone, st.timedeltas(-HOURS, HOURS))
NAMED = st.builds(dt.timezone, st.timedeltas(dt.timedelta(0), HOURS / 2), st.just("X"))
HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False) | st.text(max_size=5)
    | st.just("$type") | st.binary(max_size=5) | st.binary(min_size=1025, max_size=1030)
    | st.datetimes(timezones=st.none() | ZONES | OFFSETS | NAMED) | st.times(timezones=OFFSETS)
    | st.dates() | st.timedeltas() | OFFSETS | ZONES | st.decimals(allow_nan=False)
    | st.fractions() | st.uuids() | st.builds(range, st.integers(), st.integers(), st.just(3)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
VALUES = st.recursive(
    HASHABLE | st.builds(bytearray, st.binary(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$type", "a", "value"]), inner)
        | st.sets(HASHABLE, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def crossed(client: Client, value: Any) -> Any:
    """The value, from here into a program and back."""
    return client.run("output = [inputs['x']]", inputs={"x": value}).value[0]


def kinds(value: Any) -> Any:
    """The types of a value and of all that is in it."""
    kind = type(value)
    if isinstance(value, dict):
        return kind, {key: (kinds(key), kinds(item)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return kind, [kinds(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, {item: kinds(item) for item in value}
    if isinstance(value, (dt.datetime, dt.time)):
        zone = value.tzinfo
        return kind, value.fold, zone, zone and zone.tzname(None), type(zone)
    return kind


@pytest.mark.needs("pywasm")
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=VALUES)
@example(dt.time(0, 0, tzinfo=dt.timezone(dt.timedelta(microseconds=1))))
@example(10**4500)
def test_any_value_crosses_into_a_program_and_back(client: Client, value: Any) -> None:
    back = crossed(client, value)
    assert back == value
    assert kinds(back) == kinds(value)


ARRAYS = [
    np.arange(6, dtype=np.int16).reshape(2, 3),
    np.array(3.5),
    np.zeros((0, 4), np.complex64),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(4, dtype=">i4"),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"),
    np.array([1, 2], dtype="timedelta64[ms]"),
    np.array(["a", "béta"]),
    np.array([b"a", b"bc"]),
    np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")]),
    np.array([1, "a", None, [2]], dtype=object),
]


@pytest.mark.needs("pywasm")
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_arrays_of_every_kind_cross(client: Client, array: Any) -> None:
    back = crossed(client, array)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype.newbyteorder("<")
    assert back.shape == array.shape


@pytest.mark.needs("pywasm")
def test_masked_arrays_and_scalars_cross(client: Client) -> None:
    masked = np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[False, True, False], fill_value=-1.0)
    back = crossed(client, masked)
    np.testing.assert_array_equal(back.mask, masked.mask)
    np.testing.assert_array_equal(back.filled(), [1.0, -1.0, 3.0])
    assert crossed(client, np.float32(0.5)) == 0.5
    assert crossed(client, np.datetime64("2026-01-02")) == np.datetime64("2026-01-02")
    assert crossed(client, float("inf")) == float("inf")


@pytest.mark.needs("pywasm")
def test_tables_cross(client: Client) -> None:
    index = pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin", name="day")
    frame = pd.DataFrame(
        {
            "number": [1.5, 2.5, float("nan")],
            "text": ["a", None, "c"],
            "kind": pd.Categorical(["x", "y", "x"]),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "at": index.tz_convert("UTC"),
            "span": pd.to_timedelta([1, 2, 3], unit="s"),
            "any": [1, "a", None],
        },
        index=index,
    )
    back = crossed(client, frame)
    pd.testing.assert_frame_equal(back, frame)
    back.loc[back.index[0], "number"] = 7.0  # it can be written to
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])
    series = pd.Series([1, 2], index=levels, name="s")
    pd.testing.assert_series_equal(crossed(client, series), series)
    for value in (pd.Timestamp("2026-01-01T00:00:00.5", tz="UTC"), pd.Timedelta("1s"), pd.NaT):
        back = crossed(client, value)
        assert back is value or back == value


class Colour(enum.Enum):
    RED = 1


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Colour.RED, r"x\[0\] is of type .*Colour, .*; use .value or .name"),
        (Point(1), r"x\[0\] is of type .*Point, .*; use dataclasses.asdict"),
        (np.zeros(1, np.longdouble), r"x\[0\] is an array of dtype float128"),
        (pd.Series(pd.period_range("2026", periods=1)), r"x\[0\]\['index|x\[0\].*column of dtype"),
    ],
)
def test_what_has_no_wire_form_is_refused_with_its_place(value: Any, said: str) -> None:
    with pytest.raises(ValueUnfit, match=said):
        Encoder().encode([value], "x")


def test_cycles_and_great_depth_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueUnfit, match=r"x\[0\] contains itself"):
        Encoder().encode(cycle, "x")
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueUnfit, match="more than 100 deep"):
        Encoder().encode(deep, "x")


KEYS = [
    *("value", "items", "zone", "offset", "name", "key", "tensor", "dtype", "shape", "data"),
    *("index", "columns", "values", "range", "levels", "codes", "names", "mask", "unit"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=4)
    | st.sampled_from(["Europe/Berlin", "../etc", "0x1", "<f8", "object", "ns", "t", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(tag=st.sampled_from([*_DECODERS, *DECODERS]), rest=JSON)
def test_a_strangers_wire_form_is_read_or_refused(tag: str, rest: Any) -> None:
    tensors = {"t": to_tensor(np.zeros(2, np.int8)), "b": to_tensor(b"12")}
    wire = {**rest, "$type": tag} if isinstance(rest, dict) else {"$type": tag, "value": rest}
    with contextlib.suppress(Undecodable):
        decode(wire, tensors)
