"""`candle.Tensor`: recorded operations, and elements once they were asked for.

Rules: shapes and element types are checked where an operation is recorded; `candle_graph` computes.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .candle_graph import evaluate
from .candle_shapes import FLOATS, axes_of, broadcast, dtype_of, floats, ints

_ALIASES = {"bool": "uint8", "int8": "int64", "int16": "int64", "int32": "int64"}
_ALIASES |= {"uint16": "uint32", "uint64": "int64"}
_EXACT = 1 << 53
MOST_RANK = 8


class Tensor:
    """An n-dimensional array of one element type, whose elements may still be to be computed."""

    __module__ = "candle"
    __slots__ = ("_args", "_node", "_value", "dtype", "shape")
    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]  # == compares the elements
    _args: tuple[Tensor, ...]
    _node: dict[str, Any] | None
    _value: Any
    dtype: str
    shape: tuple[int, ...]

    def __init__(self, data: Any, dtype: str | None = None) -> None:
        """Of numbers, nested lists of them, or an array; floats are float32 if not told."""
        if isinstance(data, Tensor):
            data = data.numpy()
        plain = not isinstance(data, np.ndarray)
        value = np.asarray(data)
        name = dtype or _ALIASES.get(value.dtype.name, value.dtype.name)
        if plain and dtype is None and name == "float64":
            name = "float32"
        self.dtype = dtype_of(name)
        if self.dtype == "bfloat16":
            raise ValueError("bfloat16: make it of float32 and use .to('bfloat16')")
        self._set(np.ascontiguousarray(value, self.dtype).reshape(value.shape))

    def _set(self, value: Any) -> None:
        self._value, self._node, self._args = value, None, ()
        self.shape = value.shape
        if len(self.shape) > MOST_RANK:
            raise ValueError(f"more than {MOST_RANK} dimensions")

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def T(self) -> Tensor:  # noqa: N802 - as everywhere
        """With its dimensions in the opposite order."""
        return self.transpose()

    # elements

    def numpy(self) -> Any:
        """The elements as an array."""
        evaluate(self)
        return self._value

    __array__ = lambda self, dtype=None, copy=None: np.asarray(self.numpy(), dtype)  # noqa: E731

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self.numpy().tolist()

    def item(self) -> Any:
        """The only element."""
        return self.numpy().item()

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[n] for n in range(len(self)))

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", threshold=50)
        return f"candle.Tensor({text}, dtype={self.dtype!r})"

    # recorded

    def to(self, dtype: str) -> Tensor:
        """With that element type."""
        name = dtype_of(dtype)
        return self if name == self.dtype else record("cast", (self,), name, self.shape, dtype=name)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one dimension may be -1."""
        wanted = ints(shape)
        if wanted.count(-1) == 1:
            rest = -math.prod(wanted)
            if not rest or self.size % rest:
                raise ValueError(f"reshape: {self.shape} cannot become {wanted}")
            wanted = tuple(self.size // rest if n == -1 else n for n in wanted)
        if min(wanted, default=0) < 0 or math.prod(wanted) != self.size:
            raise ValueError(f"reshape: {self.shape} cannot become {wanted}")
        return record("reshape", (self,), self.dtype, wanted, shape=wanted)

    def flatten(self) -> Tensor:
        """In one dimension."""
        return self.reshape(-1) if self.size else self.reshape(0)

    def broadcast_to(self, *shape: Any) -> Tensor:
        """Stretched to a shape."""
        wanted = ints(shape)
        if broadcast("broadcast_to", self.shape, wanted) != wanted:
            raise ValueError(f"broadcast_to: {self.shape} cannot be stretched to {wanted}")
        return record("broadcast_to", (self,), self.dtype, wanted, shape=wanted)

    def transpose(self, *axes: Any) -> Tensor:
        """With its dimensions in that order; by default the opposite one."""
        order = axes_of("transpose", ints(axes), self.ndim) if axes else [*range(self.ndim)][::-1]
        if sorted(order) != [*range(self.ndim)]:
            raise ValueError(f"transpose: axes {order} are not all {self.ndim}")
        shape = tuple(self.shape[axis] for axis in order)
        return record("transpose", (self,), self.dtype, shape, axes=order)

    def unsqueeze(self, axis: int) -> Tensor:
        """With one more dimension, of 1."""
        place = axis + self.ndim + 1 if axis < 0 else axis
        return self.reshape(*self.shape[:place], 1, *self.shape[place:])

    def squeeze(self, axis: int) -> Tensor:
        """Without a dimension, of 1."""
        (place,) = axes_of("squeeze", (axis,), self.ndim)
        return self.reshape(*self.shape[:place], *self.shape[place + 1 :])

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all; of what holds (uint8) as int64."""
        whole = self.to("int64") if self.dtype == "uint8" else self
        return whole._reduce("sum", axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        floats("mean", self)
        return self._reduce("mean", axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        return self._reduce("max", axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        return self._reduce("min", axis, keepdims)

    def _reduce(self, op: str, axis: Any, keepdims: bool) -> Tensor:
        given = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = axes_of(op, given, self.ndim)
        if len(set(axes)) < len(axes):
            raise ValueError(f"{op}: an axis twice in {axes}")
        if op != "sum" and any(not self.shape[a] for a in axes):
            raise ValueError(f"{op}: {self.shape} has no elements there")
        kept = [(1 if a in axes else n) for a, n in enumerate(self.shape)]
        shape = tuple(n for a, n in enumerate(kept) if keepdims or a not in axes)
        return record(op, (self,), self.dtype, shape, axes=axes, keepdims=bool(keepdims))

    def argmax(self, axis: int) -> Tensor:
        """Where the largest is, along an axis."""
        return self._where_most("argmax", axis)

    def argmin(self, axis: int) -> Tensor:
        """Where the smallest is, along an axis."""
        return self._where_most("argmin", axis)

    def _where_most(self, op: str, axis: int) -> Tensor:
        (place,) = axes_of(op, (axis,), self.ndim)
        if not self.shape[place]:
            raise ValueError(f"{op}: of no elements")
        shape = self.shape[:place] + self.shape[place + 1 :]
        return record(op, (self,), "int64", shape, axis=place)

    def softmax(self, axis: int = -1) -> Tensor:
        """Along an axis."""
        return self._normal("softmax", axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """Along an axis."""
        return self._normal("log_softmax", axis)

    def _normal(self, op: str, axis: int) -> Tensor:
        floats(op, self)
        (place,) = axes_of(op, (axis,), self.ndim)
        return record(op, (self,), self.dtype, self.shape, axis=place)

    def matmul(self, other: Any) -> Tensor:
        """The matrix product, of the last two dimensions; vectors are rows and columns."""
        right = like(self, other)
        if self.ndim == 1 or right.ndim == 1:
            left = self.unsqueeze(0) if self.ndim == 1 else self
            column = right.unsqueeze(-1) if right.ndim == 1 else right
            product = left.matmul(column)
            product = product.squeeze(-1) if right.ndim == 1 else product
            return product.squeeze(-2 if right.ndim > 1 else -1) if self.ndim == 1 else product
        floats("matmul", self)
        if min(self.ndim, right.ndim) < 2 or self.shape[-1] != right.shape[-2]:
            raise ValueError(f"matmul: {self.shape} and {right.shape}")
        shape = broadcast("matmul", self.shape[:-2], right.shape[:-2])
        shape += (self.shape[-2], right.shape[-1])
        return record("matmul", (self, right), self.dtype, shape)

    def take(self, indices: Any, axis: int = 0) -> Tensor:
        """What lies at these places (a row of them) along an axis."""
        row = indices if isinstance(indices, Tensor) else Tensor(np.asarray(indices, "int64"))
        (place,) = axes_of("take", (axis,), self.ndim)
        if row.ndim != 1 or row.dtype not in ("int64", "uint32"):
            raise ValueError(f"take: a row of int64 or uint32, not {row.dtype} {row.shape}")
        shape = (*self.shape[:place], row.shape[0], *self.shape[place + 1 :])
        return record("take", (self, row), self.dtype, shape, axis=place)

    def __getitem__(self, key: Any) -> Tensor:
        """By integers, slices, `...`, `None`, and one row of indices."""
        keys = list(key) if isinstance(key, tuple) else [key]
        whole = sum(1 for k in keys if k is not None and k is not Ellipsis)
        if sum(1 for k in keys if k is Ellipsis) > 1 or whole > self.ndim:
            raise IndexError(f"too many indices for shape {self.shape}")
        fill = [slice(None)] * (self.ndim - whole)
        at = next((n for n, k in enumerate(keys) if k is Ellipsis), None)
        keys = keys + fill if at is None else keys[:at] + fill + keys[at + 1 :]
        out, axis = self, 0
        for one in keys:
            if one is None:
                out = out.unsqueeze(axis)
            elif isinstance(one, slice):
                out = out._slice(one, axis)
            elif isinstance(one, (Tensor, list, np.ndarray)):
                out = out.take(one, axis)
            else:
                out = out._at(one, axis).squeeze(axis)
                continue
            axis += 1
        return out

    def _at(self, index: Any, axis: int) -> Tensor:
        place = index.__index__()
        size = self.shape[axis]
        if not -size <= place < size:
            raise IndexError(f"index {place} of {size}")
        return self._slice(slice(place % size, place % size + 1), axis)

    def _slice(self, wanted: slice, axis: int) -> Tensor:
        start, stop, step = wanted.indices(self.shape[axis])
        length = len(range(start, stop, step))
        if (start, step, length) == (0, 1, self.shape[axis]):
            return self
        shape = (*self.shape[:axis], length, *self.shape[axis + 1 :])
        start = start if length else 0
        return record(
            "slice", (self,), self.dtype, shape, axis=axis, start=start, step=step, length=length
        )


def full(shape: Any, value: float, dtype: str = "float32") -> Tensor:
    """The same number everywhere."""
    wanted, number, name = ints((shape,)), float(value), dtype_of(dtype)
    if not math.isfinite(number):  # JSON has no such number
        return Tensor(np.full((), number)).to(name).broadcast_to(wanted)
    if name not in FLOATS and not number.is_integer():
        raise TypeError(f"{number} is no {name}: convert the tensor by .to('float32')")
    return record("full", (), name, wanted, value=number, dtype=name, shape=wanted)


def record(op: str, args: tuple[Tensor, ...], dtype: str, shape: Any, /, **fields: Any) -> Tensor:
    """A tensor that is still to be computed."""
    tensor = Tensor.__new__(Tensor)
    tensor.dtype, tensor.shape = dtype, tuple(shape)
    tensor._node, tensor._args, tensor._value = {"op": op, **fields}, args, None
    if len(tensor.shape) > MOST_RANK:
        raise ValueError(f"{op}: more than {MOST_RANK} dimensions")
    return tensor


def like(tensor: Tensor, other: Any) -> Tensor:
    """The other operand: a number takes the tensor's element type, an array keeps its own."""
    if not isinstance(other, Tensor):
        if isinstance(other, (int, float, np.number, np.bool_)):
            if tensor.dtype in FLOATS or abs(other) <= _EXACT:
                return full((), float(other), tensor.dtype)
            other = np.asarray(other, tensor.dtype)
        other = Tensor(other)
    if other.dtype != tensor.dtype:
        raise TypeError(f"{tensor.dtype} and {other.dtype}: convert one by .to(…)")
    return other
