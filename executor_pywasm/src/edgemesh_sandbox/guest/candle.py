"""Tensors that are computed outside, natively: `import candle`, with the capability `candle`.

    x = candle.Tensor([[1.0, 2.0], [3.0, 4.0]])
    (x @ x.T).softmax(-1).tolist()

Rules: operations are recorded, and run as one graph (`ml.tensor`) when elements are asked for:
`tolist`, `numpy`, `item`, `bool`, printing; several tensors at once by `candle.evaluate`. Shapes
and element types are checked when an operation is recorded, so a mistake is raised where it was
made. A tensor that has been computed keeps its elements.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from .mesh import Call

DTYPES = ("uint8", "uint32", "int64", "float16", "bfloat16", "float32", "float64")
_FLOATS = frozenset(DTYPES[3:])
_ALIASES = {"bool": "uint8", "int8": "int64", "int16": "int64", "int32": "int64"}
_ALIASES |= {"uint16": "uint32", "uint64": "int64"}
_EXACT = 1 << 53
MOST_RANK = 8
MOST_NODES = 4096
_UNARY = [
    "abs", "ceil", "cos", "erf", "exp", "floor", "gelu", "log", "recip", "relu", "round",
    "sigmoid", "sign", "silu", "sin", "sqrt", "tanh",
]  # fmt: skip


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
        self.dtype = _dtype(name)
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
        name = _dtype(dtype)
        return (
            self if name == self.dtype else _record("cast", (self,), name, self.shape, dtype=name)
        )

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one dimension may be -1."""
        wanted = _ints(shape)
        if wanted.count(-1) == 1:
            rest = -math.prod(wanted)
            if not rest or self.size % rest:
                raise ValueError(f"reshape: {self.shape} cannot become {wanted}")
            wanted = tuple(self.size // rest if n == -1 else n for n in wanted)
        if min(wanted, default=0) < 0 or math.prod(wanted) != self.size:
            raise ValueError(f"reshape: {self.shape} cannot become {wanted}")
        return _record("reshape", (self,), self.dtype, wanted, shape=wanted)

    def flatten(self) -> Tensor:
        """In one dimension."""
        return self.reshape(-1) if self.size else self.reshape(0)

    def broadcast_to(self, *shape: Any) -> Tensor:
        """Stretched to a shape."""
        wanted = _ints(shape)
        if _broadcast("broadcast_to", self.shape, wanted) != wanted:
            raise ValueError(f"broadcast_to: {self.shape} cannot be stretched to {wanted}")
        return _record("broadcast_to", (self,), self.dtype, wanted, shape=wanted)

    def transpose(self, *axes: Any) -> Tensor:
        """With its dimensions in that order; by default the opposite one."""
        order = _axes("transpose", _ints(axes), self.ndim) if axes else [*range(self.ndim)][::-1]
        if sorted(order) != [*range(self.ndim)]:
            raise ValueError(f"transpose: axes {order} are not all {self.ndim}")
        shape = tuple(self.shape[axis] for axis in order)
        return _record("transpose", (self,), self.dtype, shape, axes=order)

    def unsqueeze(self, axis: int) -> Tensor:
        """With one more dimension, of 1."""
        place = axis + self.ndim + 1 if axis < 0 else axis
        return self.reshape(*self.shape[:place], 1, *self.shape[place:])

    def squeeze(self, axis: int) -> Tensor:
        """Without a dimension, of 1."""
        (place,) = _axes("squeeze", (axis,), self.ndim)
        return self.reshape(*self.shape[:place], *self.shape[place + 1 :])

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all; of what holds (uint8) as int64."""
        whole = self.to("int64") if self.dtype == "uint8" else self
        return whole._reduce("sum", axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        _floats("mean", self)
        return self._reduce("mean", axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        return self._reduce("max", axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Over axes, or all."""
        return self._reduce("min", axis, keepdims)

    def _reduce(self, op: str, axis: Any, keepdims: bool) -> Tensor:
        given = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = _axes(op, given, self.ndim)
        if len(set(axes)) < len(axes):
            raise ValueError(f"{op}: an axis twice in {axes}")
        if op != "sum" and any(not self.shape[a] for a in axes):
            raise ValueError(f"{op}: {self.shape} has no elements there")
        kept = [(1 if a in axes else n) for a, n in enumerate(self.shape)]
        shape = tuple(n for a, n in enumerate(kept) if keepdims or a not in axes)
        return _record(op, (self,), self.dtype, shape, axes=axes, keepdims=bool(keepdims))

    def argmax(self, axis: int) -> Tensor:
        """Where the largest is, along an axis."""
        return self._where_most("argmax", axis)

    def argmin(self, axis: int) -> Tensor:
        """Where the smallest is, along an axis."""
        return self._where_most("argmin", axis)

    def _where_most(self, op: str, axis: int) -> Tensor:
        (place,) = _axes(op, (axis,), self.ndim)
        if not self.shape[place]:
            raise ValueError(f"{op}: of no elements")
        shape = self.shape[:place] + self.shape[place + 1 :]
        return _record(op, (self,), "int64", shape, axis=place)

    def softmax(self, axis: int = -1) -> Tensor:
        """Along an axis."""
        return self._normal("softmax", axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """Along an axis."""
        return self._normal("log_softmax", axis)

    def _normal(self, op: str, axis: int) -> Tensor:
        _floats(op, self)
        (place,) = _axes(op, (axis,), self.ndim)
        return _record(op, (self,), self.dtype, self.shape, axis=place)

    def matmul(self, other: Any) -> Tensor:
        """The matrix product, of the last two dimensions; vectors are rows and columns."""
        right = _like(self, other)
        if self.ndim == 1 or right.ndim == 1:
            left = self.unsqueeze(0) if self.ndim == 1 else self
            column = right.unsqueeze(-1) if right.ndim == 1 else right
            product = left.matmul(column)
            product = product.squeeze(-1) if right.ndim == 1 else product
            return product.squeeze(-2 if right.ndim > 1 else -1) if self.ndim == 1 else product
        _floats("matmul", self)
        if min(self.ndim, right.ndim) < 2 or self.shape[-1] != right.shape[-2]:
            raise ValueError(f"matmul: {self.shape} and {right.shape}")
        shape = _broadcast("matmul", self.shape[:-2], right.shape[:-2])
        shape += (self.shape[-2], right.shape[-1])
        return _record("matmul", (self, right), self.dtype, shape)

    def take(self, indices: Any, axis: int = 0) -> Tensor:
        """What lies at these places (a row of them) along an axis."""
        row = indices if isinstance(indices, Tensor) else Tensor(np.asarray(indices, "int64"))
        (place,) = _axes("take", (axis,), self.ndim)
        if row.ndim != 1 or row.dtype not in ("int64", "uint32"):
            raise ValueError(f"take: a row of int64 or uint32, not {row.dtype} {row.shape}")
        shape = (*self.shape[:place], row.shape[0], *self.shape[place + 1 :])
        return _record("take", (self, row), self.dtype, shape, axis=place)

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
        return _record(
            "slice", (self,), self.dtype, shape, axis=axis, start=start, step=step, length=length
        )


def _binary(op: str, swapped: bool = False) -> Any:
    def apply(self: Tensor, other: Any) -> Tensor:
        other = _like(self, other)
        left, right = (other, self) if swapped else (self, other)
        if op in ("div", "pow"):
            _floats(op, left)
        shape = _broadcast(op, left.shape, right.shape)
        return _record(op, (left, right), left.dtype, shape)

    return apply


def _comparison(op: str) -> Any:
    def apply(self: Tensor, other: Any) -> Tensor:
        other = _like(self, other)
        shape = _broadcast(op, self.shape, other.shape)
        return _record(op, (self, other), "uint8", shape)

    return apply


def _unary(op: str) -> Any:
    def apply(self: Tensor) -> Tensor:
        _floats(op, self)
        return _record(op, (self,), self.dtype, self.shape)

    return apply


for _name, _op in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div")):
    setattr(Tensor, f"__{_name}__", _binary(_op))
    setattr(Tensor, f"__r{_name}__", _binary(_op, swapped=True))
for _op in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_op}__", _comparison(_op))
for _op in _UNARY:
    setattr(Tensor, _op, _unary(_op))
for _op in ("pow", "maximum", "minimum"):
    setattr(Tensor, _op, _binary(_op))
_methods: dict[str, Any] = {
    "__pow__": _binary("pow"),
    "__rpow__": _binary("pow", swapped=True),
    "__neg__": _unary("neg"),
    "__abs__": _unary("abs"),
    "__matmul__": Tensor.matmul,
    "__rmatmul__": lambda self, other: _like(self, other).matmul(self),
}
for _name, _method in _methods.items():
    setattr(Tensor, _name, _method)


def where(condition: Tensor, yes: Any, no: Any) -> Tensor:
    """`yes` where the condition holds, `no` elsewhere."""
    if not isinstance(yes, Tensor) and not isinstance(no, Tensor):
        yes = Tensor(yes)
    yes = _like(no, yes) if isinstance(no, Tensor) else yes
    no = _like(yes, no)
    if condition.dtype != "uint8":
        raise ValueError(f"where: a condition, not {condition.dtype}")
    shape = _broadcast("where", condition.shape, _broadcast("where", yes.shape, no.shape))
    return _record("where", (condition, yes, no), yes.dtype, shape)


def concat(tensors: Any, axis: int = 0) -> Tensor:
    """One behind the other, along an axis."""
    parts = tuple(tensors)
    if not parts:
        raise ValueError("concat: at least one tensor")
    (place,) = _axes("concat", (axis,), parts[0].ndim)
    length = 0
    for part in parts:
        like = (*part.shape[:place], parts[0].shape[place], *part.shape[place + 1 :])
        if part.dtype != parts[0].dtype or like != parts[0].shape or part.ndim != parts[0].ndim:
            raise ValueError(f"concat: {parts[0].shape} and {part.shape}")
        length += part.shape[place]
    shape = (*parts[0].shape[:place], length, *parts[0].shape[place + 1 :])
    return _record("concat", parts, parts[0].dtype, shape, axis=place)


def stack(tensors: Any, axis: int = 0) -> Tensor:
    """One beside the other, along a new axis."""
    return concat([part.unsqueeze(axis) for part in tensors], axis)


def full(shape: Any, value: float, dtype: str = "float32") -> Tensor:
    """The same number everywhere."""
    wanted, number, name = _ints((shape,)), float(value), _dtype(dtype)
    if not math.isfinite(number):  # JSON has no such number
        return Tensor(np.full((), number)).to(name).broadcast_to(wanted)
    if name not in _FLOATS and not number.is_integer():
        raise TypeError(f"{number} is no {name}: convert the tensor by .to('float32')")
    return _record("full", (), name, wanted, value=number, dtype=name, shape=wanted)


def zeros(*shape: Any, dtype: str = "float32") -> Tensor:
    """Of zeros."""
    return full(_ints(shape), 0, dtype)


def ones(*shape: Any, dtype: str = "float32") -> Tensor:
    """Of ones."""
    return full(_ints(shape), 1, dtype)


def evaluate(*tensors: Tensor) -> None:
    """Compute all of them, as one graph and one call."""
    wanted = [tensor for tensor in tensors if tensor._value is None]
    if not wanted:
        return
    nodes, inputs, numbers = _graph(wanted)
    outputs = {f"y{n}": numbers[id(tensor)] for n, tensor in enumerate(wanted)}
    for n, tensor in enumerate(wanted):  # NumPy has no bfloat16
        if tensor.dtype == "bfloat16":
            nodes.append({"op": "cast", "args": [numbers[id(tensor)]], "dtype": "float32"})
            outputs[f"y{n}"] = len(nodes) - 1
    answer = _call[0]("ml.tensor", nodes=nodes, outputs=outputs, **inputs)
    for n, tensor in enumerate(wanted):
        tensor._value, tensor._node, tensor._args = answer.outputs[f"y{n}"], None, ()


def _graph(wanted: list[Tensor]) -> tuple[list[dict[str, Any]], dict[str, Any], dict[int, int]]:
    """The nodes in an order in which each refers to earlier ones; inputs; numbers of tensors."""
    nodes: list[dict[str, Any]] = []
    inputs: dict[str, Any] = {}
    numbers: dict[int, int] = {}
    waiting = [*wanted]
    while waiting:
        tensor = waiting[-1]
        todo = [arg for arg in tensor._args if id(arg) not in numbers]
        if id(tensor) in numbers:
            waiting.pop()
        elif todo:
            waiting += todo
        else:
            waiting.pop()
            numbers[id(tensor)] = len(nodes)
            if tensor._node is None:
                name = f"x{len(inputs)}"
                inputs[name] = tensor._value
                nodes.append({"op": "input", "name": name})
                if tensor.dtype == "bfloat16":  # its elements have come as float32
                    nodes.append({"op": "cast", "args": [len(nodes) - 1], "dtype": "bfloat16"})
                    numbers[id(tensor)] = len(nodes) - 1
            else:
                args = [numbers[id(arg)] for arg in tensor._args]
                nodes.append({**tensor._node, "args": args})
    if len(nodes) > MOST_NODES:
        raise ValueError(
            f"{len(nodes)} operations since the last evaluation, at most {MOST_NODES} are taken: "
            "use candle.evaluate in between"
        )
    return nodes, inputs, numbers


class Model:
    """A model of the mesh."""

    __module__ = "candle"

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, texts: Any, normalize: bool = True) -> Tensor:
        """The texts' embeddings: [texts, dimensions]."""
        given = [texts] if isinstance(texts, str) else list(texts)
        model = {"model": self.name} if self.name else {}
        answer = _call[0]("ml.embed", texts=given, normalize=normalize, **model)
        return Tensor(answer["embeddings"])

    def __repr__(self) -> str:
        return f"<candle model {self.name or 'by default'}>"


def load(name: str = "") -> Model:
    """An embedding model by its name; the mesh's default without one."""
    return Model(name)


def _record(op: str, args: tuple[Tensor, ...], dtype: str, shape: Any, /, **fields: Any) -> Tensor:
    tensor = Tensor.__new__(Tensor)
    tensor.dtype, tensor.shape = dtype, tuple(shape)
    tensor._node, tensor._args, tensor._value = {"op": op, **fields}, args, None
    if len(tensor.shape) > MOST_RANK:
        raise ValueError(f"{op}: more than {MOST_RANK} dimensions")
    return tensor


def _like(tensor: Tensor, other: Any) -> Tensor:
    """The other operand: a number takes the tensor's element type, an array keeps its own."""
    if not isinstance(other, Tensor):
        if isinstance(other, (int, float, np.number, np.bool_)):
            if tensor.dtype in _FLOATS or abs(other) <= _EXACT:
                return full((), float(other), tensor.dtype)
            other = np.asarray(other, tensor.dtype)
        other = Tensor(other)
    if other.dtype != tensor.dtype:
        raise TypeError(f"{tensor.dtype} and {other.dtype}: convert one by .to(…)")
    return other


def _floats(op: str, tensor: Tensor) -> None:
    if tensor.dtype not in _FLOATS:
        raise TypeError(f"{op}: of floats, not {tensor.dtype}; convert by .to('float32')")


def _dtype(name: Any) -> str:
    text = name if isinstance(name, str) else np.dtype(name).name
    if text not in DTYPES:
        raise ValueError(f"element type {text!r}; there are {', '.join(DTYPES)}")
    return text


def _ints(shape: tuple[Any, ...]) -> tuple[int, ...]:
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return tuple(n.__index__() for n in given)


def _axes(op: str, axes: Any, rank: int) -> list[int]:
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(f"{op}: axis {axis} of {rank} dimensions")
    return [axis % rank for axis in axes]


def _broadcast(op: str, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(left, right)
    except ValueError:
        raise ValueError(f"{op}: shapes {left} and {right} do not broadcast") from None


_call: list[Call] = []


def module(call: Call) -> ModuleType:
    """The module `candle`, which evaluates by `call`."""
    _call[:] = [call]
    made = ModuleType("candle", __doc__)
    made.__dict__.update(
        Tensor=Tensor, Model=Model, load=load, evaluate=evaluate, where=where, concat=concat,
        stack=stack, full=full, zeros=zeros, ones=ones, __path__=[],
    )  # fmt: skip
    return made
