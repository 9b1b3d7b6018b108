"""Values cross into a program and back, equal and of their own type."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import math
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgemesh_sandbox import InputError, Sandbox, Tensor, values

ZONES = st.sampled_from([zoneinfo.ZoneInfo(z) for z in ("Europe/Berlin", "Asia/Kathmandu")])
OFFSETS = st.builds(
    datetime.timezone,
    st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)),
)
NAMED = st.builds(
    datetime.timezone,
    st.timedeltas(datetime.timedelta(0), datetime.timedelta(hours=12)),
    st.just("X"),
)
TIMEZONES = st.none() | ZONES | OFFSETS | NAMED
HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False) | st.text(max_size=5)
    | st.just("$type") | st.binary(max_size=5) | st.binary(min_size=1025, max_size=1030)
    | st.datetimes(timezones=TIMEZONES) | st.times(timezones=OFFSETS) | st.dates()
    | st.timedeltas() | OFFSETS | ZONES | st.decimals(allow_nan=False)
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


def crossed(sandbox: Sandbox, value: Any) -> Any:
    """The value, from here into a program and back."""
    result = sandbox.run("output = [inputs['x']]", {"x": value})
    assert result.ok, result.failure
    assert result.value == result.result
    return result.value[0]


def shape(value: Any) -> Any:
    """The types of a value and of all that is in it."""
    kind = type(value)
    if isinstance(value, dict):
        return kind, {key: (shape(key), shape(item)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return kind, [shape(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, {item: shape(item) for item in value}
    if isinstance(value, (datetime.datetime, datetime.time)):
        zone = value.tzinfo
        return kind, value.fold, zone, zone and zone.tzname(None), type(zone)
    return kind


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=VALUES)
@example(datetime.time(0, 0, tzinfo=datetime.timezone(datetime.timedelta(microseconds=1))))
@example(
    datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(-datetime.timedelta(microseconds=1)))
)
def test_any_value_crosses_into_a_program_and_back(sandbox: Sandbox, value: Any) -> None:
    back = crossed(sandbox, value)
    assert back == value
    assert shape(back) == shape(value)


@given(value=VALUES)
def test_the_wire_form_is_the_standards_json(value: Any) -> None:
    wire = values.to_wire({"x": value, "y": [math.nan, -math.inf]})
    plain = {name: part for name, part in wire.items() if not isinstance(part, Tensor)}
    tensors = {name: part for name, part in wire.items() if isinstance(part, Tensor)}
    text = json.dumps(plain, allow_nan=False)
    back = values.from_wire({"x": {"$type": "bytes", "tensor": "x"}, **json.loads(text)}, tensors)
    assert back["x"] == value
    values.check(wire)


KEYS = [
    "$type", "value", "items", "zone", "offset", "name", "key", "tensor", "dtype", "shape", "data",
    "index", "columns", "values", "range", "levels", "codes", "names", "categories", "mask",
    "missing", "storage", "unit", "freq", "fold",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=4)
    | st.sampled_from([*values.TAGS, "Europe/Berlin", "../etc", "0x1", "<f8", "object", "ns"])
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            KEYS
        ),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=500)
@given(tag=st.sampled_from(values.TAGS), rest=JSON)
def test_a_strangers_wire_form_is_read_or_refused(tag: str, rest: Any) -> None:
    tensors = {"x": Tensor("int8", (2,), b"12"), "value": Tensor("bytes", (2,), b"12")}
    wire = {**rest, "$type": tag} if isinstance(rest, dict) else {"$type": tag, "value": rest}
    with contextlib.suppress(values.Malformed):
        values.from_wire(wire, tensors)


def test_wire_forms_over_tensors_make_sense_where_the_libraries_are_here() -> None:
    frame = pd.DataFrame({"at": pd.date_range("2026", periods=2, tz="UTC"), "n": [1, 2]})
    whole = pd.Series(pd.array([1, None], dtype="Int64"))
    values.check(values.to_wire({"frame": frame, "whole": whole, "days": [frame["at"].to_numpy()]}))


@pytest.mark.parametrize(
    "wire",
    [
        {"$type": "fraction", "value": [1, 10**9999]},
        {"$type": "fraction", "value": "1e999999999"},
        {"$type": "nonsense"},
        {"$type": ["tuple"]},
        {"$type": "set", "items": [[]]},
        {"$type": "datetime", "value": "yesterday"},
        {"$type": "ndarray", "tensor": "none"},
        {"$type": "ndarray", "dtype": "O", "shape": [1], "tensor": "b"},
        {"$type": "ndarray", "dtype": "<U9", "shape": [1 << 40], "tensor": "b"},
        {"$type": "index", "range": [0, 1]},
    ],
)
def test_tags_that_make_no_sense_are_refused(wire: Any) -> None:
    with pytest.raises(values.Malformed):
        values.from_wire(wire, {"b": Tensor("bytes", (8,), b"12345678")})


def test_tags_too_deep_are_refused() -> None:
    wire: Any = 1
    for _ in range(10_000):
        wire = [wire]
    with pytest.raises(values.Malformed, match="deep"):
        values.from_wire(wire, {})


ARRAYS: dict[str, Any] = {
    "numbers": np.arange(6, dtype="int16").reshape(2, 3).T,
    "none": np.zeros((0, 3), "uint64"),
    "zero dimensions": np.array(2.5),
    "complex": np.array([1 + 2j, np.nan]),
    "text": np.array([["a", "bcd"], ["ä", ""]]),
    "bytes": np.array([b"a", b"bc"]),
    "dates": np.array(["2026-01-02", "NaT"], "M8[D]"),
    "spans": np.array([1, -2], "m8[ns]"),
    "records": np.array([(1, 2.0, [3, 4], ("x",))], [("a", "i4"), ("b", "f8"), ("c", "i2", (2,)), ("d", [("e", "U3")])]),  # noqa: E501
    "padded": np.ones(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "objects": np.array([1, (2, 3), None, decimal.Decimal("0.1"), [4]], dtype=object),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_kind_cross_at_any_depth(sandbox: Sandbox, name: str) -> None:
    array = ARRAYS[name]
    back = crossed(sandbox, {"a": (array,)})["a"][0]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)
    alone = sandbox.run("output = inputs['x']", {"x": array}).value
    np.testing.assert_array_equal(alone, array)


def test_masked_arrays_keep_their_masks(sandbox: Sandbox) -> None:
    array = np.ma.masked_less([1, 2, 3], 2)
    back = crossed(sandbox, array)
    assert back.mask.tolist() == [True, False, False]
    assert back.compressed().tolist() == [2, 3]


FRAME: Any = pd.DataFrame(
    {
        "int": np.array([1, 2, 3], "int8"),
        "float": [1.5, np.nan, np.inf],
        "text": ["a", None, "ü"],
        "category": pd.Categorical(["x", None, "y"], categories=["y", "x"], ordered=True),
        "day": pd.to_datetime(["2026-01-01", None, "2026-03-29"]),
        "moment": pd.date_range("2026-03-29", periods=3, freq="h", tz="Europe/Berlin"),
        "span": pd.to_timedelta([1, 2, None], unit="s"),
        "nullable": pd.array([1, None, 2**60], dtype="Int64"),
        "nullable float": pd.array([0.5, None, 1], dtype="Float32"),
        "nullable bool": pd.array([True, None, False], dtype="boolean"),
        "string": pd.array(["a", None, "b"], dtype="string"),
        "object": pd.Series([(1,), {2}, None], dtype=object),
        7: [True, False, True],
        ("t", 1): [1j, 2j, 3j],
    }
)
FRAMES: dict[str, Any] = {
    "all": FRAME,
    "no rows": FRAME.iloc[:0],
    "no columns": FRAME[[]],
    "nothing": pd.DataFrame(),
    "moments as index": FRAME.set_index("moment"),
    "a frequency": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026", periods=2, freq="D")),
    "two levels": FRAME.groupby(["text", "category"], dropna=False, observed=False).int.agg(["sum", "mean"]),  # noqa: E501
    "columns of one name": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "levels in columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])),  # noqa: E501
    "described": FRAME[["int", "text"]].describe(include="all"),
    "an index of categories": FRAME.set_index("category"),
    "an index with gaps": pd.DataFrame({"a": range(3)}, index=pd.RangeIndex(0, 9, 3, name="r")),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_tables_cross_equal(sandbox: Sandbox, name: str) -> None:
    frame = FRAMES[name]
    pd.testing.assert_frame_equal(crossed(sandbox, frame), frame)
    alone = sandbox.run("inputs['x']", {"x": frame}).value
    pd.testing.assert_frame_equal(alone, frame)


@pytest.mark.parametrize("name", FRAME.columns)
def test_columns_and_indexes_cross_equal(sandbox: Sandbox, name: Any) -> None:
    pd.testing.assert_series_equal(crossed(sandbox, FRAME[name]), FRAME[name])
    index = pd.Index(FRAME[name])
    pd.testing.assert_index_equal(crossed(sandbox, index), index)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2026-10-25 02:30:00.123456789+01:00").tz_convert("Europe/Berlin"),
        pd.Timestamp("2026-01-01").as_unit("s"),
        pd.Timedelta(5, "ns"),
        np.datetime64("2026-01-02T03", "h"),
        np.timedelta64(7, "D"),
    ],
)
def test_moments_of_the_libraries_cross(sandbox: Sandbox, value: Any) -> None:
    back = crossed(sandbox, value)
    assert back == value
    assert (type(back), getattr(back, "unit", None)) == (type(value), getattr(value, "unit", None))


def test_what_is_missing_stays_missing(sandbox: Sandbox) -> None:
    back = crossed(sandbox, [pd.NaT, pd.NA, math.nan, decimal.Decimal("NaN"), 10**5000, -0.0])
    assert back[0] is pd.NaT
    assert back[1] is pd.NA
    assert math.isnan(back[2])
    assert back[3].is_nan()
    assert (back[4], math.copysign(1, back[5])) == (10**5000, -1)


def test_numbers_keep_all_their_digits_as_plain_json(sandbox: Sandbox) -> None:
    result = sandbox.run("output = inputs", {"a": 2**53 + 1, "b": -(10**30)}, wire=True)
    assert result.result == {"a": 2**53 + 1, "b": -(10**30)}


def test_the_wire_form_passes_untouched(sandbox: Sandbox) -> None:
    wire = {"$type": "datetime", "value": "2026-01-02T03:04:05+01:00"}
    code = "x = inputs['x']\noutput = [x, x.utcoffset()]"
    back = sandbox.run(code, {"x": wire}, wire=True).result
    assert back == [wire, {"$type": "timedelta", "value": [0, 3600, 0]}]


def test_a_tensor_that_a_tag_refers_to_is_no_input_of_its_own(sandbox: Sandbox) -> None:
    inputs = {
        "x": [{"$type": "ndarray", "tensor": "t"}],
        "t": Tensor("int8", (2,), b"\1\2"),
        "u": Tensor("int8", (1,), b"\3"),
    }
    code = "output = [sorted(inputs), inputs['x'][0].tolist(), inputs['u'].tolist()]"
    assert sandbox.run(code, inputs, wire=True).result == [["u", "x"], [1, 2], [3]]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": [object()]}, "inputs.x['a'][0]"),
        ({1: {"b": object}}, "inputs.x[1]['b']"),
    ],
)
def test_an_input_that_has_no_form_is_refused_with_its_place(
    sandbox: Sandbox, value: Any, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        sandbox.run("", {"x": value})
    assert caught.value.field == field


SUBCLASSES: dict[str, tuple[str, Any]] = {
    "IntEnum": ("import enum\nclass E(enum.IntEnum): A = 1\noutput = [E.A]", [1]),
    "StrEnum": ("import enum\nclass E(enum.StrEnum): A = 'a'\noutput = {E.A: E.A}", {"a": "a"}),
    "Counter": ("import collections as c\noutput = c.Counter('aab')", {"a": 2, "b": 1}),
    "namedtuple": ("import collections as c\noutput = c.namedtuple('P', 'x')(1)", (1,)),
    "int keys": ("output = {1: 'a', True: 'b', None: 'c'}", {1: "b", None: "c"}),
    "memoryview": ("output = [memoryview(b'x')]", [b"x"]),
    "hostile equality": ("class L(list):\n  __eq__ = None\noutput = L([1])", [1]),
}


@pytest.mark.parametrize("name", SUBCLASSES)
def test_a_subclass_crosses_as_what_it_is_made_of(sandbox: Sandbox, name: str) -> None:
    code, expected = SUBCLASSES[name]
    value = sandbox.run(code).value
    assert value == expected
    assert shape(value) == shape(expected)
