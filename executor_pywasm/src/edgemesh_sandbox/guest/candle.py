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

from types import ModuleType
from typing import Any

from . import candle_graph, candle_operators
from .candle_graph import evaluate
from .candle_shapes import axes_of, broadcast, ints
from .candle_tensor import Tensor, full, like, record
from .mesh import Call


def where(condition: Tensor, yes: Any, no: Any) -> Tensor:
    """`yes` where the condition holds, `no` elsewhere."""
    if not isinstance(yes, Tensor) and not isinstance(no, Tensor):
        yes = Tensor(yes)
    yes = like(no, yes) if isinstance(no, Tensor) else yes
    no = like(yes, no)
    if condition.dtype != "uint8":
        raise ValueError(f"where: a condition, not {condition.dtype}")
    shape = broadcast("where", condition.shape, broadcast("where", yes.shape, no.shape))
    return record("where", (condition, yes, no), yes.dtype, shape)


def concat(tensors: Any, axis: int = 0) -> Tensor:
    """One behind the other, along an axis."""
    parts = tuple(tensors)
    if not parts:
        raise ValueError("concat: at least one tensor")
    (place,) = axes_of("concat", (axis,), parts[0].ndim)
    length = 0
    for part in parts:
        like = (*part.shape[:place], parts[0].shape[place], *part.shape[place + 1 :])
        if part.dtype != parts[0].dtype or like != parts[0].shape or part.ndim != parts[0].ndim:
            raise ValueError(f"concat: {parts[0].shape} and {part.shape}")
        length += part.shape[place]
    shape = (*parts[0].shape[:place], length, *parts[0].shape[place + 1 :])
    return record("concat", parts, parts[0].dtype, shape, axis=place)


def stack(tensors: Any, axis: int = 0) -> Tensor:
    """One beside the other, along a new axis."""
    return concat([part.unsqueeze(axis) for part in tensors], axis)


def zeros(*shape: Any, dtype: str = "float32") -> Tensor:
    """Of zeros."""
    return full(ints(shape), 0, dtype)


def ones(*shape: Any, dtype: str = "float32") -> Tensor:
    """Of ones."""
    return full(ints(shape), 1, dtype)


class Model:
    """A model of the mesh."""

    __module__ = "candle"

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, texts: Any, normalize: bool = True) -> Tensor:
        """The texts' embeddings: [texts, dimensions]."""
        given = [texts] if isinstance(texts, str) else list(texts)
        model = {"model": self.name} if self.name else {}
        answer = candle_graph.calling[0]("ml.embed", texts=given, normalize=normalize, **model)
        return Tensor(answer["embeddings"])

    def __repr__(self) -> str:
        return f"<candle model {self.name or 'by default'}>"


def load(name: str = "") -> Model:
    """An embedding model by its name; the mesh's default without one."""
    return Model(name)


def module(call: Call) -> ModuleType:
    """The module `candle`, which evaluates by `call`."""
    candle_operators.attach()
    candle_graph.calling[:] = [call]
    made = ModuleType("candle", __doc__)
    made.__dict__.update(
        Tensor=Tensor, Model=Model, load=load, evaluate=evaluate, where=where, concat=concat,
        stack=stack, full=full, zeros=zeros, ones=ones, __path__=[],
    )  # fmt: skip
    return made
