"""NumPy arrays over the guest's memory, and what of them can leave it.

Rules: little-endian, C order, and only the element types that the host knows.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import Any

import numpy as np

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip

_MOST_DIMENSIONS = 32  # NumPy has up to 64


class _Place:
    """A place in memory, told to NumPy by its array interface."""

    def __init__(self, address: int, shape: tuple[int, ...], dtype: str) -> None:
        self.__array_interface__ = {
            "data": (address, False),
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "version": 3,
        }


def address_of(buffer: Any) -> int:
    """Where the bytes of a buffer lie; 0 for an empty one."""
    if not memoryview(buffer).nbytes:
        return 0
    return int(np.frombuffer(buffer, np.uint8).__array_interface__["data"][0])


def view(address: int, shape: tuple[int, ...], dtype: str) -> Any:
    """A writable array over the memory at `address`, which nothing else may use."""
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.asarray(_Place(address, shape, dtype))


def is_array(value: object) -> bool:
    """Whether `value` is an array (a scalar of NumPy is none)."""
    return isinstance(value, np.ndarray)


def scalar(value: Any) -> object:
    """Python's own form of a NumPy scalar; raises `TypeError` for anything else."""
    if isinstance(value, np.longdouble):
        return float(value)  # its .item() is itself
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    raise TypeError


def portable(value: Any) -> Any:
    """`value` as the host can read it; raises `TypeError` with the reason where it cannot."""
    array = np.asarray(value)  # no subclass: masked arrays and matrices lose what they add
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError("a masked array; call .filled(...) first")
    if array.dtype.name not in DTYPES:
        raise TypeError(f"an array of dtype {array.dtype}; convert it with .astype(...)")
    if array.ndim > _MOST_DIMENSIONS:
        raise TypeError(
            f"an array of {array.ndim} dimensions; at most {_MOST_DIMENSIONS} dimensions can cross"
        )
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array if array.ndim == 0 else np.ascontiguousarray(array)
