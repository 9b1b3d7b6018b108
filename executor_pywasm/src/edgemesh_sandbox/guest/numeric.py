"""NumPy's arrays and scalars, to the wire form and back.

Rules: arrays of numbers and bools are tensors as they are; dates are their 64-bit integers; text
and records are their bytes; objects are JSON. All little-endian and in C order: the values cross,
not the layout. NumPy is used where it is there and never needed.
"""
# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import functools
import importlib
import re
import sys
from typing import Any

DTYPES = frozenset((
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
))  # fmt: skip
"""Element types that a tensor can have."""
MOST_DIMENSIONS = 32  # NumPy has up to 64
_TYPE = "$type"
_NO_BYTES = re.compile(r"[<|>=]?[SUV]0")
_DATES = re.compile(r"(datetime64|timedelta64)(\[\w{1,8}\])?")
_LEAF = re.compile(r"[<>|=]?(\?|[biufc]\d{1,2}|[SUV]\d{1,9}|[mM]8(\[\w{1,8}\])?)")


@functools.cache
def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # not there, or behind walls
        return None


def library(name: str, *, wanted: bool) -> Any:
    """The library, or None: when it is not `wanted` yet, only if someone has imported it."""
    return _installed(name) if wanted or name in sys.modules else None


def encode(encoder: Any, value: Any) -> Any:
    """The wire form of an array or a scalar; None for anything else."""
    np = library("numpy", wanted=False)
    if np is None:
        return None
    if isinstance(value, np.ndarray):
        return array(encoder, value)
    if not isinstance(value, np.generic):
        return None
    if isinstance(value, (np.datetime64, np.timedelta64)):
        number = int(value.view("int64"))
        return {_TYPE: "datetime64", "value": number, "dtype": value.dtype.name}
    if isinstance(value, np.longdouble):
        return encoder.item(float(value))
    if isinstance(value, np.clongdouble):
        return encoder.item(complex(value))
    if isinstance(value, np.void):
        raise encoder.unfit("is a record of NumPy; use .item() or an array")
    return encoder.item(value.item())


def array(encoder: Any, value: Any) -> Any:
    """The wire form of an array."""
    np = library("numpy", wanted=True)
    if isinstance(value, np.ma.MaskedArray):
        return _masked(encoder, value)
    value = np.asarray(value)
    if value.ndim > MOST_DIMENSIONS:
        raise encoder.unfit(
            f"is an array of {value.ndim} dimensions; at most {MOST_DIMENSIONS} dimensions cross"
        )
    dtype = value.dtype
    if dtype.name in DTYPES:
        return {_TYPE: "ndarray", "tensor": tensor(encoder, value)}
    if dtype.kind in "mM":
        name = tensor(encoder, portable(value).view("int64"))
        return {_TYPE: "ndarray", "dtype": dtype.name, "tensor": name}
    if dtype.kind in "SUV" and not dtype.hasobject and dtype.itemsize:
        value = portable(value)
        descr = np.lib.format.dtype_to_descr(value.dtype)
        data = value.tobytes()
        name = encoder.tensor("bytes", (len(data),), data)
        return {_TYPE: "ndarray", "dtype": descr, "shape": value.shape, "tensor": name}
    if dtype.kind in "OT" or not dtype.itemsize:
        shape, flat = value.shape, value.reshape(-1).tolist()
        wire = {_TYPE: "ndarray", "dtype": _item_dtype(dtype), "shape": shape}
        return wire | {"items": encoder.nested(value, lambda: encoder.items(flat))}
    raise encoder.unfit(f"is an array of dtype {dtype}; convert it with .astype(...)")


def _item_dtype(dtype: Any) -> Any:
    return {"O": "object", "T": "string"}.get(dtype.kind, dtype.str)


def portable(value: Any) -> Any:
    """The same array, little-endian and in C order."""
    np = library("numpy", wanted=True)
    value = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return value if value.ndim == 0 else np.ascontiguousarray(value)


def tensor(encoder: Any, value: Any) -> str:
    """Put an array of numbers beside the JSON; the tensor's name."""
    value = portable(value)
    return encoder.tensor(value.dtype.name, value.shape, value.reshape(-1))


def _masked(encoder: Any, value: Any) -> Any:
    np = library("numpy", wanted=True)
    if value.dtype.names:
        raise encoder.unfit("is a masked array of records; use .filled()")
    mask = np.broadcast_to(np.ma.getmaskarray(value), value.shape)
    return {
        _TYPE: "masked",
        "data": encoder.part("data", value.data, array),
        "mask": encoder.part("mask", mask, array),
        "fill_value": encoder.item(value.fill_value),
    }


# The way back


def decode_array(decoder: Any, wire: Any) -> Any:
    """The array of a tag; where NumPy is not installed, a tensor or the tag as it is."""
    dtype = wire.get("dtype")
    if dtype is None:
        return decoder.array(wire["tensor"])
    np = library("numpy", wanted=True)
    if np is None:
        return wire
    if "items" in wire:
        return _from_items(decoder, wire, dtype)
    if isinstance(dtype, str) and _DATES.fullmatch(dtype):
        return decoder.array(wire["tensor"]).view(np.dtype(dtype))
    wanted = _dtype(dtype)
    if wanted.hasobject or not wanted.itemsize:
        raise ValueError("a dtype without bytes of its own")
    found = np.frombuffer(bytearray(decoder.raw(wire["tensor"])), wanted)
    return found.reshape(_shape(wire))


def _from_items(decoder: Any, wire: Any, dtype: Any) -> Any:
    np = library("numpy", wanted=True)
    items, shape = decoder.item(wire["items"]), _shape(wire)
    if dtype == "string":
        return np.array(items, dtype=np.dtypes.StringDType()).reshape(shape)
    if dtype != "object":
        if not _NO_BYTES.fullmatch(dtype):
            raise ValueError("no such dtype of items")
        return np.array(items, dtype=np.dtype(dtype)).reshape(shape)
    made = np.empty(len(items), dtype=object)
    for at, item in enumerate(items):  # assigned at once, sequences would be taken apart
        made[at] = item
    return made.reshape(shape)


def _shape(wire: Any) -> tuple[int, ...]:
    shape = wire["shape"]
    if len(shape) > MOST_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("no such shape")
    return tuple(shape)


def _dtype(descr: Any) -> Any:
    """The dtype of text or records that a stranger describes."""
    np = library("numpy", wanted=True)
    return np.lib.format.descr_to_dtype(_descr(descr, 0))


def _descr(descr: Any, depth: int) -> Any:
    """A description as NumPy writes it, of what JSON made of it."""
    if isinstance(descr, str):
        if not _LEAF.fullmatch(descr):
            raise ValueError("no such dtype")
        return descr
    if depth > 8 or not 0 < len(descr) <= 1024:
        raise ValueError("a dtype of too many parts")
    fields: list[Any] = []
    for name, kind, *shape in descr:
        title = tuple(name) if isinstance(name, list) else name
        fields.append((title, _descr(kind, depth + 1), *map(tuple, shape)))
    return fields


def _decode_masked(decoder: Any, wire: Any) -> Any:
    np = library("numpy", wanted=True)
    if np is None:
        return wire
    data, mask = decoder.item(wire["data"]), decoder.item(wire["mask"])
    return np.ma.MaskedArray(data, mask=mask, fill_value=decoder.item(wire["fill_value"]))


def _decode_date(_: Any, wire: Any) -> Any:
    np = library("numpy", wanted=True)
    if np is None:
        return wire
    if not _DATES.fullmatch(wire["dtype"]):
        raise ValueError("no such dtype")
    return np.int64(wire["value"]).view(np.dtype(wire["dtype"]))


DECODERS = {"ndarray": decode_array, "masked": _decode_masked, "datetime64": _decode_date}
