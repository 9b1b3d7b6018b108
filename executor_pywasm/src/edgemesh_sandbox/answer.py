"""What a guest answers, read as the words of a stranger.

Rules: the guest's runtime wrote it, but the program shares that memory and may have forged every
byte. Wrong types, addresses outside of the memory, sizes that do not fit and JSON that Python
would accept but the standard does not are refused (`BadAnswer`), and text is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, cast

from edgemesh_sandbox.errors import InputError, SandboxError
from edgemesh_sandbox.memory import GuestMemory, OutOfBounds
from edgemesh_sandbox.result import Failure
from edgemesh_sandbox.tensor import ITEM_BYTES, Tensor

ENVELOPE_BYTES = 2 << 20
"""What an answer may hold: descriptions of tensors, a failure's texts."""

_MOST_TENSORS = 1024
_MOST_NAME = 255
_MOST_TEXT = {"type": 1 << 10, "message": 1 << 16, "traceback": 1 << 18, "note": 1 << 12}
_MOST_NOTES, _MOST_MEMBERS, _MOST_DEPTH = 32, 64, 8

Allocate = Callable[[int], memoryview]


class BadAnswer(SandboxError):
    """The guest's answer makes no sense."""


class Answer:
    """An answer's fields, each checked when it is read."""

    def __init__(self, text: memoryview) -> None:
        try:
            value = json.loads(bytes(text), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"the answer is no JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadAnswer("the answer is no object")
        self._fields = cast(dict[str, Any], value)
        self.tagged = False
        """Whether the result that was read has values that JSON cannot carry."""

    @property
    def outcome(self) -> str:
        """`ok`, `exception` or `exit`."""
        outcome = self._fields.get("outcome")
        if outcome not in ("ok", "exception", "exit"):
            raise BadAnswer("the answer has no outcome")
        return outcome

    @property
    def exit_code(self) -> int:
        """The status, 1 to 255."""
        code = self._fields.get("exit_code")
        if not isinstance(code, int) or not 1 <= code <= 255:
            raise BadAnswer("the exit status is none")
        return code

    @property
    def out_of_memory(self) -> bool:
        """Whether the exception was a MemoryError."""
        return self._fields.get("memory") is True

    def failure(self) -> Failure:
        """What the program raised; lone surrogates are replaced."""
        return _failure(self._fields, [_MOST_MEMBERS], _MOST_DEPTH)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """Which tensors are the value's own, by its keys; none of them: it is `output` itself."""
        keys = self._fields.get("keys")
        if keys is None:
            return None
        if not isinstance(keys, list) or not all(isinstance(k, str) for k in cast(list[Any], keys)):
            raise BadAnswer("the keys are no texts")
        return tuple(cast(list[str], keys))

    def result(self, memory: GuestMemory, most: int) -> tuple[Any, int]:
        """The JSON value and the length of its text, which is not read if longer than `most`.

        (None, 0) when there is none.
        """
        place = self._fields.get("result")
        if place is None:
            return None, 0
        if not isinstance(place, list) or len(cast(list[Any], place)) != 2:
            raise BadAnswer("the result has no place")
        address, nbytes = cast(list[Any], place)
        if type(address) is not int or type(nbytes) is not int:
            raise BadAnswer("the result has no place")
        if nbytes > most:
            return None, nbytes
        try:
            text = bytes(memory.view(address, nbytes))
            self.tagged = b'"$type"' in text
            return json.loads(text, parse_constant=_refuse), nbytes
        except (OutOfBounds, ValueError, RecursionError) as error:
            raise BadAnswer(f"the result is no JSON: {error}") from None

    def tensors(self, memory: GuestMemory, allocate: Allocate) -> dict[str, Tensor]:
        """The tensors, each copied once, into memory from `allocate`."""
        described = self._fields.get("tensors")
        if not isinstance(described, list) or len(cast(list[Any], described)) > _MOST_TENSORS:
            raise BadAnswer(f"the tensors are no list of at most {_MOST_TENSORS}")
        tensors: dict[str, Tensor] = {}
        for item in cast(list[Any], described):
            if not isinstance(item, dict):
                raise BadAnswer("a tensor is not described")
            name, tensor = _tensor(cast(dict[str, Any], item), memory, allocate)
            tensors[name] = tensor
        return tensors


def _failure(fields: dict[str, Any], left: list[int], depth: int) -> Failure:
    notes, members = fields.get("notes", []), fields.get("exceptions", [])
    if not isinstance(notes, list) or not isinstance(members, list):
        raise BadAnswer("the notes or exceptions are no lists")
    exceptions: list[Failure] = []
    for member in cast(list[Any], members) if depth else []:
        left[0] -= 1
        if left[0] < 0:
            break
        if not isinstance(member, dict):
            raise BadAnswer("an exception is no object")
        exceptions.append(_failure(cast(dict[str, Any], member), left, depth - 1))
    return Failure(
        _text(fields.get("type"), "type"),
        _text(fields.get("message"), "message"),
        _text(fields.get("traceback", ""), "traceback"),
        notes=tuple(_text(n, "note") for n in cast(list[Any], notes)[:_MOST_NOTES]),
        exceptions=tuple(exceptions),
    )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise BadAnswer(f"the {name} is no text")
    return value[: _MOST_TEXT[name]].encode(errors="replace").decode()


def _tensor(item: dict[str, Any], memory: GuestMemory, allocate: Allocate) -> tuple[str, Tensor]:
    name, dtype, media = item.get("name"), item.get("dtype"), item.get("media_type")
    shape, address, nbytes = item.get("shape"), item.get("address"), item.get("nbytes")
    if not isinstance(name, str) or not isinstance(media, str) or len(media) > 255:
        raise BadAnswer("a tensor has no name or no media type")
    if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
        raise BadAnswer("a tensor's name is empty, too long or not printable")
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise BadAnswer("a tensor has an unknown type")
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) for n in cast(list[Any], shape)
    ):
        raise BadAnswer("a tensor has no shape")
    if not isinstance(address, int) or not isinstance(nbytes, int):
        raise BadAnswer("a tensor has no place")
    try:
        source = memory.view(address, nbytes)
        checked = Tensor(dtype, tuple(cast(list[int], shape)), source, media)
        checked.check(name)
    except (OutOfBounds, InputError) as error:
        raise BadAnswer(str(error)) from None
    data = allocate(nbytes)
    data[:] = source
    return name, Tensor(dtype, checked.shape, data, media)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not in the standard")
