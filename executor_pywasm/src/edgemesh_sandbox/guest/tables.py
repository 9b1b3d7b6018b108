"""pandas' tables, columns and indexes, to the wire form and back.

Rules: a column crosses by its dtype: numbers, bools, dates and codes as tensors, text and objects
as JSON; nothing of pandas' internals is stored, only what its public constructors take. What has
no form here (periods, intervals, sparse and Arrow columns) is refused by name.
"""
# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import zoneinfo
from typing import Any

from . import numeric

_TYPE = "$type"
_MOST_MOMENT = 64
_MASKED = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64"), "IntegerArray"),
    **dict.fromkeys(("UInt8", "UInt16", "UInt32", "UInt64"), "IntegerArray"),
    **dict.fromkeys(("Float32", "Float64"), "FloatingArray"),
    "boolean": "BooleanArray",
}


def encode(encoder: Any, value: Any) -> Any:
    """The wire form of what is pandas'; None for anything else."""
    pd = numeric.library("pandas", wanted=False)
    if pd is None:
        return None
    if isinstance(value, pd.DataFrame):
        return encoder.nested(value, lambda: _frame(encoder, value))
    if isinstance(value, pd.Series):
        return encoder.nested(value, lambda: _series(encoder, value))
    if isinstance(value, pd.Index):
        return encoder.nested(value, lambda: _index(encoder, value))
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _column(encoder, value)
    if value is pd.NaT:
        return {_TYPE: "nat"}
    if value is pd.NA:
        return {_TYPE: "na"}
    if isinstance(value, pd.Timestamp):
        wire = {_TYPE: "timestamp", "value": value.isoformat(), "unit": value.unit}
        return wire | ({} if value.tzinfo is None else {"zone": _zone(encoder, value.tzinfo)})
    if isinstance(value, pd.Timedelta):
        number = int(value.to_timedelta64().view("int64"))
        return {_TYPE: "duration", "value": number, "unit": value.unit}
    return None


def _frame(encoder: Any, frame: Any) -> Any:
    columns = [frame.iloc[:, n].array for n in range(frame.shape[1])]
    names = frame.columns if frame.columns.is_unique else range(len(columns))
    data = [
        encoder.part(name, values, _column) for name, values in zip(names, columns, strict=True)
    ]
    return {
        _TYPE: "dataframe",
        "index": encoder.part("index", frame.index, _index),
        "columns": encoder.part("columns", frame.columns, _index),
        "data": data,
    }


def _series(encoder: Any, series: Any) -> Any:
    return {
        _TYPE: "series",
        "name": encoder.item(series.name),
        "index": encoder.part("index", series.index, _index),
        "values": encoder.part("values", series.array, _column),
    }


def _index(encoder: Any, index: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    wire = {_TYPE: "index", "name": encoder.item(index.name)}
    if isinstance(index, pd.MultiIndex):
        return {
            _TYPE: "index",
            "names": encoder.items(index.names),
            "levels": [encoder.part("levels", level, _index) for level in index.levels],
            "codes": [encoder.part("codes", code, numeric.array) for code in index.codes],
        }
    if isinstance(index, pd.RangeIndex):
        return wire | {"range": [index.start, index.stop, index.step]}
    freq = getattr(index, "freqstr", None) if isinstance(index.dtype, _dates(pd)) else None
    wire |= {"values": encoder.part("values", index.array, _column)}
    return wire | ({"freq": freq} if freq else {})


def _dates(pd: Any) -> tuple[type, ...]:
    np = numeric.library("numpy", wanted=True)
    return (pd.DatetimeTZDtype, np.dtypes.DateTime64DType, np.dtypes.TimeDelta64DType)


def _column(encoder: Any, values: Any) -> Any:
    """The wire form of an array of pandas, by its dtype."""
    pd = numeric.library("pandas", wanted=True)
    np = numeric.library("numpy", wanted=True)
    dtype = values.dtype
    if isinstance(dtype, np.dtype) or type(values) is pd.arrays.NumpyExtensionArray:
        return numeric.array(encoder, values.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            _TYPE: "categorical",
            "codes": encoder.part("codes", values.codes, numeric.array),
            "categories": encoder.part("categories", dtype.categories, _index),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.DatetimeIndex(values).tz_convert("UTC").tz_localize(None).to_numpy()
        return {
            _TYPE: "datetimes",
            "values": encoder.part("values", moments, numeric.array),
            "zone": _zone(encoder, dtype.tz),
        }
    if dtype.name in _MASKED:
        mask = np.asarray(values.isna())
        plain = values.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        return {
            _TYPE: "nullable",
            "dtype": dtype.name,
            "values": encoder.part("values", plain, numeric.array),
            "mask": encoder.part("mask", mask, numeric.array),
        }
    if isinstance(dtype, pd.StringDtype):
        missing = values.isna().tolist()
        return {
            _TYPE: "strings",
            "storage": dtype.storage,
            "missing": "na" if dtype.na_value is pd.NA else "nan",
            "items": [None if gone else text for gone, text in zip(missing, values, strict=True)],
        }
    raise encoder.unfit(f"is a column of dtype {dtype}; use .astype(str) or .astype(object)")


def _zone(encoder: Any, zone: Any) -> Any:
    if isinstance(zone, zoneinfo.ZoneInfo):
        return encoder.item(zone)
    try:
        return encoder.item(zone)
    except Exception:
        raise encoder.unfit(f"has a time zone of type {type(zone).__name__}") from None


# The way back


def _decode_frame(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    index, columns = decoder.item(wire["index"]), decoder.item(wire["columns"])
    data = [_as_series(decoder, values, index) for values in wire["data"]]
    frame = pd.DataFrame(dict(enumerate(data)), index=index)
    frame.columns = columns
    return frame


def _as_series(decoder: Any, wire: Any, index: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    values = decoder.item(wire)
    return pd.Series(values, index=index, dtype=values.dtype)


def _decode_series(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    series = _as_series(decoder, wire["values"], decoder.item(wire["index"]))
    series.name = decoder.item(wire["name"])
    return series


def _decode_index(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
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


def _decode_categorical(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    codes, categories = decoder.item(wire["codes"]), decoder.item(wire["categories"])
    return pd.Categorical.from_codes(codes, categories, ordered=bool(wire["ordered"]))


def _decode_datetimes(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    moments = pd.DatetimeIndex(decoder.item(wire["values"]))
    return moments.tz_localize("UTC").tz_convert(decoder.item(wire["zone"])).array


def _decode_nullable(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    kind = getattr(pd.arrays, _MASKED[wire["dtype"]])
    return kind(decoder.item(wire["values"]), decoder.item(wire["mask"]))


def _decode_strings(_: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    items = wire["items"]
    if not all(item is None or isinstance(item, str) for item in items):
        raise ValueError("strings are strings")
    storage = "pyarrow" if wire["storage"] == "pyarrow" else "python"
    if storage == "pyarrow" and numeric.library("pyarrow", wanted=True) is None:
        storage = "python"
    missing = pd.NA if wire["missing"] == "na" else float("nan")
    return pd.array(items, dtype=pd.StringDtype(storage, na_value=missing))


def _decode_moment(decoder: Any, wire: Any) -> Any:
    pd = numeric.library("pandas", wanted=True)
    if pd is None:
        return wire
    if len(wire["value"]) > _MOST_MOMENT:
        raise ValueError("no such moment")
    moment = pd.Timestamp(wire["value"])
    if "zone" in wire:
        moment = moment.tz_convert(decoder.item(wire["zone"]))
    return moment.as_unit(wire["unit"])


def _decode_duration(_: Any, wire: Any) -> Any:
    pd, np = (numeric.library(name, wanted=True) for name in ("pandas", "numpy"))
    if pd is None:
        return wire
    return pd.Timedelta(np.timedelta64(wire["value"], wire["unit"]))


def _missing(name: str) -> Any:
    def decode(_: Any, wire: Any) -> Any:
        pd = numeric.library("pandas", wanted=True)
        return wire if pd is None else getattr(pd, name)

    return decode


DECODERS = {
    "dataframe": _decode_frame,
    "series": _decode_series,
    "index": _decode_index,
    "categorical": _decode_categorical,
    "datetimes": _decode_datetimes,
    "nullable": _decode_nullable,
    "strings": _decode_strings,
    "timestamp": _decode_moment,
    "duration": _decode_duration,
    "nat": _missing("NaT"),
    "na": _missing("NA"),
}
