"""What a program's `output` becomes: a JSON value, tensors, or both.

    output = 3, "text", [1, 2], {"a": None}, numpy scalars      result
    output = numpy array                                        outputs["output"]
    output = bytes, bytearray, memoryview                       outputs["output"], dtype bytes
    output = Matplotlib figure                                  the same, image/png
    output = {"mean": 2.5, "data": array, "plot": figure}       the JSON part in result, the
                                                                others in outputs by their keys

Rules: JSON is RFC 8259's. NaN and infinities are refused (an array carries them); keys that are
numbers, bools or None become text and tuples become arrays, as `json` has it. What cannot cross
raises `OutputError`, which names the place in `output` and the type that is there.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import io
import json
import math
import sys
from typing import Any

from . import arrays

_MOST_DEPTH = 100
_MOST_NAME = 255
_MOST_TENSORS = 1024
_PNG = "image/png"
_HINTS = {
    "numpy.ndarray": "arrays cross only as `output` itself or as a value of its top-level dict",
    "pandas.DataFrame": "use .to_dict(), .to_csv() or .to_numpy()",
    "pandas.Series": "use .to_list() or .to_numpy()",
    "datetime.datetime": "use .isoformat()",
    "datetime.date": "use .isoformat()",
    "decimal.Decimal": "use str() or float()",
    "set": "use sorted() or list()",
}


class OutputError(Exception):
    """`output` cannot be given back."""

    __module__ = "builtins"  # shown as `OutputError`


class Outputs:
    """The JSON text of the result, or None, and tensors as the host wants them described."""

    def __init__(self, output: object) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.owners: list[object] = []  # keeps the tensors' memory until the host has read it
        self.result: str | None = None
        if output is None or self._tensor("output", "output", output):
            return
        if isinstance(output, dict) and any(_is_tensor(v) for v in output.values()):
            output = self._without_tensors(output)
        if output is not None:
            self.result = _json(output)

    def _without_tensors(self, output: dict[Any, Any]) -> dict[Any, Any] | None:
        rest: dict[Any, Any] = {}
        for key, value in output.items():
            path = f"output[{key!r}]"
            if _is_tensor(value) and not _is_name(key):
                raise OutputError(
                    f"{path}: the name of an array, bytes or a figure must be text of 1 to "
                    f"{_MOST_NAME} printable characters"
                )
            if not self._tensor(path, key, value):
                rest[key] = value
        return rest or None

    def _tensor(self, path: str, name: str, value: Any) -> bool:
        """Take `value` if it is a tensor; says whether it was."""
        if arrays.is_array(value):
            try:
                array = arrays.portable(value)
            except TypeError as error:
                raise OutputError(f"{path} is {error}") from None
            self._add(name, array.dtype.name, array.shape, array.reshape(-1), "")
        elif isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            self._add(name, "bytes", (len(data),), data, "")
        elif _is_figure(value):
            file = io.BytesIO()
            value.savefig(file, format="png")
            data = file.getvalue()
            self._add(name, "bytes", (len(data),), data, _PNG)
        else:
            return False
        return True

    def _add(self, name: str, dtype: str, shape: tuple[int, ...], data: Any, media: str) -> None:
        if len(self.tensors) == _MOST_TENSORS:
            raise OutputError(f"output has more than {_MOST_TENSORS} arrays, bytes and figures")
        view = memoryview(data)
        self.owners.append(data)
        self.tensors.append(
            {
                "name": name,
                "dtype": dtype,
                "shape": shape,
                "media_type": media,
                "address": arrays.address_of(data),
                "nbytes": view.nbytes,
            }
        )


def _is_name(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= _MOST_NAME and key.isprintable()


def _is_figure(value: Any) -> bool:
    kind = type(value)
    return any(
        base.__name__ == "Figure" and base.__module__ == "matplotlib.figure"
        for base in kind.__mro__
    )


def _is_tensor(value: object) -> bool:
    return (
        isinstance(value, (bytes, bytearray, memoryview))
        or arrays.is_array(value)
        or _is_figure(value)
    )


def _json(output: object) -> str:
    try:
        return json.dumps(output, allow_nan=False, default=arrays.scalar, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        # The fast way has said no; find the place.
        raise OutputError(
            _objection("output", output, (), 0) or "`output` is no JSON value"
        ) from None


def _objection(path: str, value: Any, above: tuple[int, ...], depth: int) -> str | None:
    """What at or below `path` is no JSON value, in words."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, int):
        most = sys.get_int_max_str_digits()
        large = most and abs(value) >= 10**most
        return f"{path} is an integer of more than {most} digits" if large else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{path} is {value}, which JSON cannot carry"
    if isinstance(value, (dict, list, tuple)):
        if id(value) in above:
            return f"{path} contains itself"
        if depth == _MOST_DEPTH:
            return f"{path} is nested more than {_MOST_DEPTH} deep"
        for at, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(at, (str, int, float, type(None))):
                return f"{path} has a key of type {_name(at)}, which JSON cannot carry"
            found = _objection(f"{path}[{at!r}]", item, (*above, id(value)), depth + 1)
            if found:
                return found
        return None
    try:
        return _objection(path, arrays.scalar(value), above, depth)
    except TypeError:
        hint = _HINTS.get(_name(value))
        return f"{path} is of type {_name(value)}, which JSON cannot carry" + (
            f"; {hint}" if hint else ""
        )


def _name(value: object) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else (f"{kind.__module__}.{kind.__qualname__}")
    )
