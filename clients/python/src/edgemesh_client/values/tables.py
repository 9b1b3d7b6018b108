"""pandas' tables, columns and indexes, to the wire form and back.

Rules: pandas is used where it is there: nothing of it is imported to encode, and without it a table
that comes back stays its tagged object. A column crosses by its dtype; periods, intervals, sparse
and Arrow columns are refused by name.
"""
# pyright: basic

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

_TYPE = "$type"
_MASKED = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64"), "IntegerArray"),
    **dict.fromkeys(("UInt8", "UInt16", "UInt32", "UInt64"), "IntegerArray"),
    **dict.fromkeys(("Float32", "Float64"), "FloatingArray"),
    "boolean": "BooleanArray",
}


def encode(to: Any, value: Any) -> Any:
    """The wire form of what is pandas'; None for anything else."""
    pd: Any = sys.modules.get("pandas")
    if pd is None or not hasattr(pd, "DataFrame"):
        return None
    if isinstance(value, pd.DataFrame):
        return _frame(to, value)
    if isinstance(value, pd.Series):
        return {
            _TYPE: "series",
            "name": to.item(value.name),
            "index": to.part("index", value.index, _index),
            "values": to.part("values", value.array, _column),
        }
    if isinstance(value, pd.Index):
        return _index(to, value)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _column(to, value)
    if value is pd.NaT:
        return {_TYPE: "nat"}
    if value is pd.NA:
        return {_TYPE: "na"}
    if isinstance(value, pd.Timestamp):
        made = {_TYPE: "timestamp", "value": value.isoformat(), "unit": value.unit}
        return made | ({} if value.tzinfo is None else {"zone": to.item(value.tzinfo)})
    if isinstance(value, pd.Timedelta):
        number = int(value.to_timedelta64().view("int64"))
        return {_TYPE: "duration", "value": number, "unit": value.unit}
    return None


def _frame(to: Any, frame: Any) -> Any:
    names = frame.columns if frame.columns.is_unique else range(frame.shape[1])
    data = [to.part(name, frame.iloc[:, at].array, _column) for at, name in enumerate(names)]
    return {
        _TYPE: "dataframe",
        "index": to.part("index", frame.index, _index),
        "columns": to.part("columns", frame.columns, _index),
        "data": data,
    }


def _index(to: Any, index: Any) -> Any:
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        return {
            _TYPE: "index",
            "names": to.items(index.names),
            "levels": [to.part("levels", level, _index) for level in index.levels],
            "codes": [to.part("codes", np.asarray(code)) for code in index.codes],
        }
    made: dict[str, Any] = {_TYPE: "index", "name": to.item(index.name)}
    if isinstance(index, pd.RangeIndex):
        return made | {"range": [index.start, index.stop, index.step]}
    made["values"] = to.part("values", index.array, _column)
    freq = getattr(index, "freqstr", None)
    dated = isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex))
    return made | ({"freq": freq} if dated and freq else {})


def _column(to: Any, values: Any) -> Any:
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, np.dtype) or type(values) is pd.arrays.NumpyExtensionArray:
        return to.item(values.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            _TYPE: "categorical",
            "codes": to.part("codes", np.asarray(values.codes)),
            "categories": to.part("categories", dtype.categories, _index),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.DatetimeIndex(values).tz_convert("UTC").tz_localize(None).to_numpy()
        zone = to.item(dtype.tz)
        return {_TYPE: "datetimes", "values": to.part("values", moments), "zone": zone}
    if dtype.name in _MASKED:
        return {
            _TYPE: "nullable",
            "dtype": dtype.name,
            "values": to.part("values", values.to_numpy(dtype=dtype.numpy_dtype, na_value=0)),
            "mask": to.part("mask", np.asarray(values.isna())),
        }
    if isinstance(dtype, pd.StringDtype):
        missing = values.isna().tolist()
        return {
            _TYPE: "strings",
            "storage": dtype.storage,
            "missing": "na" if dtype.na_value is pd.NA else "nan",
            "items": [None if gone else text for gone, text in zip(missing, values, strict=True)],
        }
    raise to.unfit(f"is a column of dtype {dtype}; use .astype(str) or .astype(object)")


# The way back


def _dataframe(pd: Any, decoder: Any, wire: Any) -> Any:
    index, columns = decoder.item(wire["index"]), decoder.item(wire["columns"])
    data = [_column_of(pd, decoder, column, index) for column in wire["data"]]
    frame = pd.DataFrame(dict(enumerate(data)), index=index)
    frame.columns = columns
    return frame


def _column_of(pd: Any, decoder: Any, wire: Any, index: Any) -> Any:
    values = decoder.item(wire)
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()  # tables are written to
    return pd.Series(values, index=index, dtype=values.dtype)


def _series(pd: Any, decoder: Any, wire: Any) -> Any:
    series = _column_of(pd, decoder, wire["values"], decoder.item(wire["index"]))
    series.name = decoder.item(wire["name"])
    return series


def _index_of(pd: Any, decoder: Any, wire: Any) -> Any:
    if "levels" in wire:
        return pd.MultiIndex(
            levels=decoder.item(wire["levels"]),
            codes=decoder.item(wire["codes"]),
            names=decoder.item(wire["names"]),
        )
    name = decoder.item(wire["name"])
    if "range" in wire:
        start, stop, step = wire["range"]
        return pd.RangeIndex(start, stop, step, name=name)
    values = decoder.item(wire["values"])
    index = pd.Index(values, dtype=values.dtype, name=name)
    if wire.get("freq"):
        index.freq = wire["freq"]
    return index


def _categorical(pd: Any, decoder: Any, wire: Any) -> Any:
    codes, categories = decoder.item(wire["codes"]), decoder.item(wire["categories"])
    return pd.Categorical.from_codes(codes, categories, ordered=bool(wire["ordered"]))


def _datetimes(pd: Any, decoder: Any, wire: Any) -> Any:
    moments = pd.DatetimeIndex(decoder.item(wire["values"]))
    return moments.tz_localize("UTC").tz_convert(decoder.item(wire["zone"])).array


def _nullable(pd: Any, decoder: Any, wire: Any) -> Any:
    kind = getattr(pd.arrays, _MASKED[wire["dtype"]])
    return kind(decoder.item(wire["values"]).copy(), decoder.item(wire["mask"]).copy())


def _strings(pd: Any, _: Any, wire: Any) -> Any:
    items = wire["items"]
    if not all(item is None or isinstance(item, str) for item in items):
        raise ValueError("strings are strings")
    storage = "pyarrow" if wire["storage"] == "pyarrow" and _library("pyarrow") else "python"
    missing = pd.NA if wire["missing"] == "na" else float("nan")
    return pd.array(items, dtype=pd.StringDtype(storage, na_value=missing))


def _timestamp(pd: Any, decoder: Any, wire: Any) -> Any:
    if len(wire["value"]) > 64:
        raise ValueError("no such moment")
    moment = pd.Timestamp(wire["value"])
    if "zone" in wire:
        moment = moment.tz_convert(decoder.item(wire["zone"]))
    return moment.as_unit(wire["unit"])


def _duration(pd: Any, _: Any, wire: Any) -> Any:
    return pd.Timedelta(np.timedelta64(wire["value"], wire["unit"]))


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _with_pandas(made: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def handler(decoder: Any, wire: Any) -> Any:
        pd = _library("pandas")
        return wire if pd is None else made(pd, decoder, wire)

    return handler


DECODERS: dict[object, Callable[[Any, Any], Any]] = {
    tag: _with_pandas(made)
    for tag, made in {
        "dataframe": _dataframe,
        "series": _series,
        "index": _index_of,
        "categorical": _categorical,
        "datetimes": _datetimes,
        "nullable": _nullable,
        "strings": _strings,
        "timestamp": _timestamp,
        "duration": _duration,
        "nat": lambda pd, _, __: pd.NaT,
        "na": lambda pd, _, __: pd.NA,
    }.items()
}
