"""NumPy arrays over the guest's memory, and its scalars as Python's own."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import Any

import numpy as np

from .numeric import DTYPES, MOST_DIMENSIONS

_LONG: Any = np.longdouble


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


def is_plain(value: Any) -> bool:
    """Whether an array crosses as a tensor alone."""
    return (
        value.dtype.name in DTYPES
        and value.ndim <= MOST_DIMENSIONS
        and not isinstance(value, np.ma.MaskedArray)
    )


def plain(value: Any) -> Any:
    """The array without what a subclass adds: a matrix is an array."""
    return np.asarray(value)


def scalar(value: Any) -> object:
    """Python's own form of a NumPy scalar; raises `TypeError` for anything else."""
    if isinstance(value, _LONG):
        return float(value)  # its .item() is itself
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    raise TypeError
