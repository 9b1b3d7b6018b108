"""The operators and element-wise methods of `candle`'s tensors."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import Any

from .candle_shapes import broadcast, floats
from .candle_tensor import Tensor, like, record

_UNARY = [
    "abs", "ceil", "cos", "erf", "exp", "floor", "gelu", "log", "recip", "relu", "round",
    "sigmoid", "sign", "silu", "sin", "sqrt", "tanh",
]  # fmt: skip


def _binary(op: str, swapped: bool = False) -> Any:
    def apply(self: Tensor, other: Any) -> Tensor:
        other = like(self, other)
        left, right = (other, self) if swapped else (self, other)
        if op in ("div", "pow"):
            floats(op, left)
        shape = broadcast(op, left.shape, right.shape)
        return record(op, (left, right), left.dtype, shape)

    return apply


def _comparison(op: str) -> Any:
    def apply(self: Tensor, other: Any) -> Tensor:
        other = like(self, other)
        shape = broadcast(op, self.shape, other.shape)
        return record(op, (self, other), "uint8", shape)

    return apply


def _unary(op: str) -> Any:
    def apply(self: Tensor) -> Tensor:
        floats(op, self)
        return record(op, (self,), self.dtype, self.shape)

    return apply


def attach() -> None:
    """Give tensors their operators."""
    for name, op in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div")):
        setattr(Tensor, f"__{name}__", _binary(op))
        setattr(Tensor, f"__r{name}__", _binary(op, swapped=True))
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{op}__", _comparison(op))
    for op in _UNARY:
        setattr(Tensor, op, _unary(op))
    for op in ("pow", "maximum", "minimum"):
        setattr(Tensor, op, _binary(op))
    methods: dict[str, Any] = {
        "__pow__": _binary("pow"),
        "__rpow__": _binary("pow", swapped=True),
        "__neg__": _unary("neg"),
        "__abs__": _unary("abs"),
        "__matmul__": Tensor.matmul,
        "__rmatmul__": lambda self, other: like(self, other).matmul(self),
    }
    for name, method in methods.items():
        setattr(Tensor, name, method)
