"""What was recorded of tensors, as one graph of `ml.tensor`, and what comes back."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .mesh import Call

if TYPE_CHECKING:
    from .candle_tensor import Tensor

MOST_NODES = 4096

calling: list[Call] = []
"""What calls the mesh; one, once `candle.module` has given it."""


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
    answer = calling[0]("ml.tensor", nodes=nodes, outputs=outputs, **inputs)
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
