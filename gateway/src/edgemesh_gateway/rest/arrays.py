"""Tensors as HTTP has them: JSON numbers, base64, or NumPy's `.npy`.

Rules: what comes in becomes the Tensor that a gRPC caller would have sent, or a Violation with the
field's path; shapes against bytes are the gateway's business (`admit`), not ours. JSON has no NaN
and no infinity: they are the texts "NaN", "Infinity" and "-Infinity", both ways, as in protobuf's
JSON. Complex numbers are pairs, real part first.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from edgemesh.compute.v1 import tensor_pb2
from numpy.lib import format as npy

from mesh_service.errors import InvalidTensor, Violation
from mesh_service.tensors import ITEM_BYTES, dtype_name

Form: TypeAlias = Literal["auto", "json", "base64", "npy"]
MOST_AUTO = 65_536
"""Elements up to which `auto` means JSON numbers."""
NPY = "application/x-npy"
MAGIC = b"\x93NUMPY"
MOST_HEADER = 4096
_NAMES = [name.removeprefix("DATA_TYPE_").lower() for name in tensor_pb2.DataType.keys()]  # noqa: SIM118
_TYPES = {name: number for number, name in enumerate(_NAMES) if number}
_PLAIN = frozenset(_TYPES) - {"bytes", "bfloat16"}
_FIELDS = frozenset({"dtype", "shape", "data", "base64", "npy", "media_type"})
_EXPECTED = (
    "a number, a (nested) list of numbers, or an object with dtype, shape and one of data, base64 "
    "and npy"
)
Array: TypeAlias = "np.ndarray[Any, Any]"


def parse(field: str, value: Any) -> tensor_pb2.Tensor:
    """A tensor from its JSON. Raises InvalidTensor."""
    if not isinstance(value, dict):
        return _listed(field, value, None, None)
    given = cast(dict[str, Any], value)
    if unknown := sorted(given.keys() - _FIELDS):
        raise _wrong(f"{field}.{unknown[0][:64]}", f"no such field: {', '.join(sorted(_FIELDS))}")
    stored = [name for name in ("data", "base64", "npy") if name in given]
    if len(stored) != 1:
        raise _wrong(field, _EXPECTED)
    shape = _shape(f"{field}.shape", given.get("shape"))
    dtype = given.get("dtype")
    if dtype is not None and (not isinstance(dtype, str) or dtype not in _TYPES):
        raise _wrong(f"{field}.dtype", f"one of {', '.join(_TYPES)}")
    if stored == ["data"]:
        return _listed(field, given["data"], dtype, shape)
    raw = _decoded(f"{field}.{stored[0]}", given[stored[0]])
    if stored == ["npy"]:
        return from_npy(f"{field}.npy", raw)
    media_type = given.get("media_type", "")
    if not isinstance(media_type, str):
        raise _wrong(f"{field}.media_type", "text")
    dtype = dtype or "bytes"
    if shape is None:
        if dtype != "bytes":
            raise _wrong(f"{field}.shape", f"required where {dtype} comes as base64")
        shape = [len(raw)]
    return _tensor(field, dtype, shape, raw, media_type)


def from_npy(field: str, raw: bytes) -> tensor_pb2.Tensor:
    """A tensor from a `.npy` file. Raises InvalidTensor."""
    try:
        found = npy.read_array(io.BytesIO(raw), allow_pickle=False, max_header_size=MOST_HEADER)
    except Exception:
        # NumPy's own words may quote what it read, and its kinds of errors are many.
        raise _wrong(field, "an .npy file of numbers, whole and without pickles") from None
    name = found.dtype.name
    if name not in _PLAIN:
        raise _wrong(field, f"elements of {', '.join(sorted(_PLAIN))}, not {name[:64]}")
    little = np.ascontiguousarray(found, found.dtype.newbyteorder("<"))
    return _tensor(field, name, list(found.shape), little.tobytes(), "")


def from_file(field: str, raw: bytes, media_type: str) -> tensor_pb2.Tensor:
    """A tensor from a file: `.npy` by how it begins, and opaque bytes otherwise."""
    if raw.startswith(MAGIC):
        return from_npy(field, raw)
    return _tensor(field, "bytes", [len(raw)], raw, media_type)


def render(tensor: tensor_pb2.Tensor, form: Form) -> dict[str, Any]:
    """A tensor as JSON."""
    name = dtype_name(tensor.dtype)
    told: dict[str, Any] = {"dtype": name, "shape": list(tensor.shape)}
    if tensor.media_type:
        told["media_type"] = tensor.media_type
    if tensor.WhichOneof("storage") != "data":
        return told
    if name == "bytes" or form == "base64":
        return told | {"base64": base64.b64encode(tensor.data).decode()}
    array = as_array(tensor)
    if form == "npy":
        return told | {"npy": base64.b64encode(_saved(array)).decode()}
    if form == "auto" and array.size > MOST_AUTO:
        return told | {"base64": base64.b64encode(tensor.data).decode()}
    return told | {"data": _numbers(array)}


def to_npy(tensor: tensor_pb2.Tensor) -> bytes:
    """A tensor as an `.npy` file; bytes are an array of uint8."""
    return _saved(as_array(tensor))


def as_array(tensor: tensor_pb2.Tensor) -> Array:
    """A tensor's elements; bfloat16, which NumPy lacks, as float32."""
    name = dtype_name(tensor.dtype)
    if name == "bfloat16":
        halves = np.frombuffer(tensor.data, "<u2").astype("<u4") << 16
        return halves.view("<f4").reshape(tensor.shape)
    if name == "bytes":
        return np.frombuffer(tensor.data, np.uint8)
    return np.frombuffer(tensor.data, np.dtype(name)).reshape(tensor.shape)


def length(tensor: tensor_pb2.Tensor) -> int:
    """How many elements its bytes are."""
    return len(tensor.data) // ITEM_BYTES[tensor.dtype]


def _saved(array: Array) -> bytes:
    file = io.BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _numbers(array: Array) -> Any:
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _named(array.tolist())
    return array.tolist()


def _named(value: Any) -> Any:
    """Numbers that JSON lacks, by name."""
    if isinstance(value, list):
        return [_named(each) for each in cast(list[Any], value)]
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _listed(
    field: str, value: Any, dtype: str | None, shape: list[int] | None
) -> tensor_pb2.Tensor:
    if dtype == "bytes":
        raise _wrong(f"{field}.data", "base64, where the elements are bytes")
    try:
        natural = np.asarray(value)
    except (ValueError, OverflowError, TypeError, RecursionError):
        raise _wrong(field, f"lists of equal lengths: {_EXPECTED}") from None
    kind = natural.dtype.kind
    if natural.size == 0:
        kind = "i"
    elif kind == "U" and _only_names(value):
        # NaN and its like, among numbers perhaps.
        kind, natural = "f", np.asarray(value, np.float64)
    if kind not in "biuf":
        raise _wrong(field, _EXPECTED)
    wanted = dtype or ("bool" if kind == "b" and natural.size else "float64")
    if shape is not None:
        natural = _shaped(field, natural, wanted, shape)
    return _converted(field, natural, kind, wanted)


def _shaped(field: str, array: Array, dtype: str, shape: list[int]) -> Array:
    whole = [*shape, 2] if dtype.startswith("complex") else shape
    if any(length < 0 for length in shape):
        raise _wrong(f"{field}.shape", "lengths of 0 or more")
    try:
        return array.reshape(whole)
    except (ValueError, OverflowError):
        need = f"as many numbers as {dtype}{shape} has"
        raise _wrong(f"{field}.data", f"{need}, not {array.size}") from None


def _converted(field: str, array: Array, kind: str, dtype: str) -> tensor_pb2.Tensor:
    """`array`, of `kind`, as elements of `dtype`."""
    pairs = dtype.startswith("complex")
    target = np.dtype(
        {"bfloat16": "float32", "complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    )
    fits = {"b": "b", "i": "biu", "u": "biu", "f": "biuf"}[target.kind]
    if array.size and kind not in fits:
        raise _wrong(f"{field}.data", f"elements of {dtype}, without loss")
    if array.size and target.kind in "iu" and array.dtype.kind != "b":
        bounds = np.iinfo(target)
        if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
            raise _wrong(f"{field}.data", f"{dtype}: from {bounds.min} to {bounds.max}")
    with np.errstate(over="ignore"):
        made: Array = np.ascontiguousarray(array.astype(target))
    shape = list(made.shape)
    if pairs:
        if not shape or shape[-1] != 2:
            raise _wrong(f"{field}.data", "pairs, [real part, imaginary part], of complex numbers")
        shape.pop()
    raw = _upper_halves(made) if dtype == "bfloat16" else made.tobytes()
    return _tensor(field, dtype, shape, raw, "")


def _upper_halves(array: Array) -> bytes:
    """Of float32, rounded to even."""
    bits = array.view(np.uint32)
    rounded = bits + 0x7FFF + (bits >> 16 & 1)
    return np.where(np.isnan(array), 0x7FC0, rounded >> 16).astype("<u2").tobytes()


def _only_names(value: Any) -> bool:
    """Whether all texts in it are names of numbers that JSON lacks, and there are not only texts
    that happen to be numbers.
    """
    if isinstance(value, list):
        return all(_only_names(each) for each in cast(list[Any], value))
    if isinstance(value, str):
        return value in ("NaN", "Infinity", "-Infinity")
    return isinstance(value, int | float)


def _shape(field: str, value: Any) -> list[int] | None:
    if value is None:
        return None
    given = cast(list[Any], value) if isinstance(value, list) else [None]
    if not all(type(n) is int and -(1 << 62) < n < 1 << 62 for n in given):
        raise _wrong(field, "a list of lengths")
    return cast(list[int], given)


def _decoded(field: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise _wrong(field, "base64") from None


def _tensor(
    field: str, dtype: str, shape: list[int], raw: bytes, media_type: str
) -> tensor_pb2.Tensor:
    try:
        return tensor_pb2.Tensor(
            dtype=tensor_pb2.DataType.ValueType(_TYPES[dtype]),
            shape=shape,
            data=raw,
            media_type=media_type,
        )
    except ValueError:
        raise _wrong(field, "text that is UTF-8") from None


def parse_all(field: str, given: Mapping[str, Any]) -> dict[str, tensor_pb2.Tensor]:
    """Tensors by name; all that is wrong is said at once. Raises InvalidTensor."""
    made: dict[str, tensor_pb2.Tensor] = {}
    wrong: list[Violation] = []
    for name, value in given.items():
        try:
            made[name] = parse(f"{field}.{name[:128]}", value)
        except InvalidTensor as error:
            wrong += error.violations
    if wrong:
        raise InvalidTensor(wrong)
    return made


def _wrong(field: str, expected: str) -> InvalidTensor:
    return InvalidTensor([Violation(field, expected)])
