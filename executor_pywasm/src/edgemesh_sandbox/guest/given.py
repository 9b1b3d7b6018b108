"""What a request gives its program: `inputs`, and the arguments of the function to call.

Rules: tensors are arrays over the memory that the host has filled, or bytes; one that a tagged
value refers to is no input of its own.
"""

from __future__ import annotations

from typing import Any

from . import arrays
from .decoding import Decoder, Malformed

Call = tuple[str, list[Any], dict[str, Any]]


class InputError(Exception):
    """An input makes no sense."""

    __module__ = "builtins"  # shown as `InputError`


def values(
    request: dict[str, Any], *, tagged: bool, own: bool = False
) -> tuple[dict[str, Any], Call | None]:
    """The inputs by name, and the call if one is wanted; `tagged` if there may be tags to read.

    `own`: arrays are copies, since the host writes other inputs to the same place later.
    """
    inputs: dict[str, Any] = request["inputs"]
    call: dict[str, Any] | None = request.get("call")
    tensors: dict[str, Any] = {t["name"]: _tensor(t, own) for t in request["tensors"]}
    if tagged:
        decoder = Decoder(tensors.__getitem__, tensors.__getitem__)
        try:
            inputs = {name: decoder.decode(value) for name, value in inputs.items()}
            call = call and decoder.decode(call)
        except Malformed as error:
            raise InputError(str(error)) from None
        tensors = {name: value for name, value in tensors.items() if name not in decoder.used}
    inputs.update(tensors)
    if call is None:
        return inputs, None
    return inputs, (call["function"], call["args"], call["kwargs"])


def _tensor(tensor: dict[str, Any], own: bool) -> Any:
    address, dtype = tensor["address"], tensor["dtype"]
    if dtype == "bytes":
        return arrays.view(address, (tensor["nbytes"],), "uint8").tobytes()
    array = arrays.view(address, tuple(tensor["shape"]), dtype)
    return array.copy() if own else array
