"""Python values to what a run is given, and what it gives back to Python values.

Rules: the mapping itself is in `guest/encoding.py` and `guest/decoding.py`, which both sides share;
here are its ends outside of the sandbox. NumPy and pandas are used where the embedder has them:
without them arrays stay `Tensor`s and tables stay tagged objects. What comes from a guest is a
stranger's: it decodes, or it raises `Malformed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from edgemesh_sandbox.call import Call
from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.guest import numeric
from edgemesh_sandbox.guest.decoding import TAGS, Decoder, Malformed
from edgemesh_sandbox.guest.encoding import MOST_TENSORS, Encoder, Unfit, plain
from edgemesh_sandbox.tensor import Tensor

__all__ = ["TAGS", "Malformed", "call_to_wire", "check", "files", "from_wire", "python", "to_wire"]

_SIMPLE = frozenset((bool, str, type(None), Tensor))
_MOST_SMALL = 64


def to_wire(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as JSON values and `Tensor`s by name. Raises `InputError`."""
    return call_to_wire(inputs, None)[0]


def call_to_wire(
    inputs: Mapping[str, Any], call: Call | None
) -> tuple[dict[str, Any], Call | None]:
    """The same, and a call whose arguments may refer to tensors among the inputs."""
    if call is None and all(map(_is_simple, inputs.values())):
        return dict(inputs), None
    wire: dict[str, Any] = {}

    def add(name: str, dtype: str, shape: tuple[int, ...], data: Any, media: str) -> None:
        view = memoryview(data)
        flat = view.cast("B") if view.nbytes else memoryview(b"")
        wire[name] = Tensor(dtype, tuple(shape), flat, media)

    encoder = Encoder(add, _tensor_tag, root=False)
    encoder.reserve(inputs)
    for name, value in inputs.items():
        if _is_plain(value):
            wire[name] = value
        elif type(value) is bytes:
            wire[name] = Tensor("bytes", (len(value),), value)
        else:
            _encode(encoder, name, value, wire)
    if call is not None and not _is_plain([call.args, call.kwargs]):
        args = _encoded(encoder, list(call.args), "call", "args")
        kwargs = _encoded(encoder, dict(call.kwargs), "call", "kwargs")
        call = Call(call.function, args, kwargs, call.refs)
    return wire, call


def _is_simple(value: Any) -> bool:
    if type(value) is int:
        return value.bit_length() < _MOST_SMALL
    return type(value) in _SIMPLE


def _is_plain(value: Any) -> bool:
    return _is_simple(value) or plain(value) is not None


def _encoded(encoder: Encoder, value: Any, *at: str) -> Any:
    try:
        return encoder.encode(value, *at)
    except Unfit as error:
        first = f"{at[0]}[{at[1]!r}]"
        field = f"{at[0]}.{at[1]}{error.place.removeprefix(first)}"
        raise InputError(field, error.reason) from None


def _encode(encoder: Encoder, name: str, value: Any, wire: dict[str, Any]) -> None:
    encoded = _encoded(encoder, value, "inputs", name)
    alone = _alone(encoded)
    if alone is None:
        wire[name] = encoded
    else:
        wire[name] = wire.pop(alone)


def _alone(encoded: Any) -> str | None:
    """The tensor's name, where the wire form says no more than a tensor by itself would."""
    if isinstance(encoded, dict):
        tag = cast(dict[str, Any], encoded)
        if tag.get("$type") in ("ndarray", "bytes") and set(tag) == {"$type", "tensor"}:
            return tag["tensor"]
    return None


def _tensor_tag(encoder: Encoder, value: Any) -> object:
    if not isinstance(value, Tensor):
        return None
    kind = "bytes" if value.dtype == "bytes" else "ndarray"
    name = encoder.tensor(value.dtype, value.shape, value.data, value.media_type)
    return {"$type": kind, "tensor": name}


def check(inputs: Mapping[str, Any], call: Call | None = None) -> None:
    """Raise `InputError` where a wire form makes no sense, as far as that needs no library."""
    tensors = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
    # With NumPy here dates and tables are made of their arrays, so these must be arrays.
    decoder = Decoder(lambda name: python(tensors[name]), _raw(tensors), zones=False)
    fields = {f"inputs.{n}": v for n, v in inputs.items() if not isinstance(v, Tensor)}
    if call is not None:
        fields |= {"args": call.args, "kwargs": call.kwargs}
    for field, value in fields.items():
        try:
            decoder.decode(value)
        except Malformed as error:
            raise InputError(field, str(error)) from None


def from_wire(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The Python value of a wire form. Raises `Malformed`."""
    if len(tensors) > MOST_TENSORS:
        raise Malformed(f"more than {MOST_TENSORS} tensors")
    return Decoder(lambda name: python(tensors[name]), _raw(tensors)).decode(value)


def python(tensor: Tensor) -> Any:
    """A tensor as an array over the same memory, or as bytes; as it is where NumPy is missing."""
    if tensor.dtype == "bytes":
        return bytes(tensor.data)
    np = numeric.library("numpy", wanted=True)
    if np is None:
        return tensor
    return np.frombuffer(tensor.data, tensor.dtype).reshape(tensor.shape)


def files(wire: Mapping[str, Any]) -> dict[str, memoryview]:
    """The inputs of dtype bytes whose names can be those of files."""
    return {
        name: memoryview(value.data)
        for name, value in wire.items()
        if isinstance(value, Tensor) and value.dtype == "bytes" and _is_file_name(name)
    }


def _is_file_name(name: str) -> bool:
    return name not in ("", ".", "..") and name.isprintable() and not ("/" in name or name[200:])


def _raw(tensors: Mapping[str, Tensor]) -> Any:
    def raw(name: str) -> Any:
        tensor = tensors[name]
        if tensor.dtype != "bytes":
            raise Malformed(f"tensor {name!r} is not of dtype bytes")
        return tensor.data

    return raw
