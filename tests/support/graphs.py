"""What a graph of `ml.tensor` comes to by NumPy: the reference.

Half-precision is computed in single and rounded once for each operation, as there; bfloat16, which
NumPy has not, is float32 whose lower bits are rounded away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_UNARY: Mapping[str, Any] = {
    "abs": np.abs, "ceil": np.ceil, "cos": np.cos, "exp": np.exp, "floor": np.floor,
    "log": np.log, "neg": np.negative, "recip": lambda x: 1 / x, "round": np.rint,
    "relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sign": np.sign, "silu": lambda x: x / (1 + np.exp(-x)), "sin": np.sin, "sqrt": np.sqrt,
    "tanh": np.tanh, "erf": _erf, "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
}  # fmt: skip
_BINARY: Mapping[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "maximum": np.maximum, "minimum": np.minimum, "matmul": np.matmul,
}  # fmt: skip
_COMPARE: Mapping[str, Any] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip
_REDUCE: Mapping[str, Any] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
UNARY, BINARY, REDUCE = sorted(_UNARY), sorted(_BINARY.keys() - {"matmul"}), sorted(_REDUCE)


def rounded(value: Array, dtype: str) -> Array:
    """`value` with the precision of `dtype`; bfloat16 as float32."""
    if dtype != "bfloat16":
        return np.asarray(value, dtype)
    bits = np.asarray(value, "float32").view("uint32")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype("uint32").view("float32")


def evaluate(
    nodes: Sequence[Mapping[str, Any]], inputs: Mapping[str, Array], dtypes: Mapping[str, str]
) -> list[tuple[Array, str]]:
    """Each node's value and dtype. `dtypes`: those of the inputs, whose bfloat16 are float32."""
    values: list[tuple[Array, str]] = []
    for node in nodes:
        args = [values[arg] for arg in node.get("args", ())]
        dtype = _dtype(node, args, dtypes)
        with np.errstate(all="ignore"):
            values.append(
                (rounded(_value(node, [_wide(a) for a, _ in args], inputs), dtype), dtype)
            )
    return values


def _wide(value: Array) -> Array:
    return value.astype("float32") if value.dtype == np.float16 else value


def _dtype(
    node: Mapping[str, Any], args: Sequence[tuple[Array, str]], dtypes: Mapping[str, str]
) -> str:
    op = node["op"]
    if op == "input":
        return dtypes[node["name"]]
    if op in ("full", "cast"):
        return str(node["dtype"])
    if op in _COMPARE:
        return "uint8"
    if op in ("argmax", "argmin"):
        return "int64"
    return args[1 if op == "where" else 0][1]


def _value(node: Mapping[str, Any], args: Sequence[Array], inputs: Mapping[str, Array]) -> Any:
    op = node["op"]
    if op in _REDUCE:
        axes = tuple(node.get("axes", range(args[0].ndim)))
        return _REDUCE[op](args[0], axis=axes, keepdims=node.get("keepdims", False))
    for table in (_UNARY, _BINARY, _COMPARE):
        if op in table:
            return table[op](*args)
    return _SHAPES[op](node, args, inputs)


def _softmax(node: Mapping[str, Any], args: Sequence[Array], _: Any) -> Array:
    below = args[0] - args[0].max(node["axis"], keepdims=True)
    whole = np.exp(below).sum(node["axis"], keepdims=True)
    return below - np.log(whole) if node["op"] == "log_softmax" else np.exp(below) / whole


def _slice(node: Mapping[str, Any], args: Sequence[Array], _: Any) -> Array:
    start, step = node.get("start", 0), node.get("step", 1)
    return args[0].take([start + n * step for n in range(node["length"])], node["axis"])


_SHAPES: Mapping[str, Any] = {
    "input": lambda node, _, inputs: inputs[node["name"]],
    "full": lambda node, *_: np.full(node.get("shape", ()), node["value"]),
    "cast": lambda _, args, __: args[0],
    "where": lambda _, args, __: np.where(args[0], args[1], args[2]),
    "argmax": lambda node, args, _: np.argmax(args[0], node["axis"]),
    "argmin": lambda node, args, _: np.argmin(args[0], node["axis"]),
    "softmax": _softmax,
    "log_softmax": _softmax,
    "reshape": lambda node, args, _: args[0].reshape(node["shape"]),
    "broadcast_to": lambda node, args, _: np.broadcast_to(args[0], node["shape"]),
    "transpose": lambda node, args, _: args[0].transpose(node["axes"]),
    "slice": _slice,
    "take": lambda node, args, _: args[0].take(args[1], node["axis"]),
    "concat": lambda node, args, _: np.concatenate(args, node["axis"]),
}
