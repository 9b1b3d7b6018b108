"""Element types and shapes of `candle`'s tensors: what may stand with what."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .candle_tensor import Tensor

DTYPES = ("uint8", "uint32", "int64", "float16", "bfloat16", "float32", "float64")
FLOATS = frozenset(DTYPES[3:])


def floats(op: str, tensor: Tensor) -> None:
    """Raise TypeError unless it is of floats."""
    if tensor.dtype not in FLOATS:
        raise TypeError(f"{op}: of floats, not {tensor.dtype}; convert by .to('float32')")


def dtype_of(name: Any) -> str:
    """An element type by what it was called. Raises ValueError."""
    text = name if isinstance(name, str) else np.dtype(name).name
    if text not in DTYPES:
        raise ValueError(f"element type {text!r}; there are {', '.join(DTYPES)}")
    return text


def ints(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape or axes, given one by one or as one."""
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return tuple(n.__index__() for n in given)


def axes_of(op: str, axes: Any, rank: int) -> list[int]:
    """Axes counted from the front. Raises ValueError."""
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(f"{op}: axis {axis} of {rank} dimensions")
    return [axis % rank for axis in axes]


def broadcast(op: str, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that both become. Raises ValueError."""
    try:
        return np.broadcast_shapes(left, right)
    except ValueError:
        raise ValueError(f"{op}: shapes {left} and {right} do not broadcast") from None
