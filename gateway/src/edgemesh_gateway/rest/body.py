"""Reads a request's body: JSON, or a form with files, within bounds.

Rules: sizes are bounded while the body is read, not afterwards, and so is the time between two
pieces of it; JSON is bounded more tightly than files, since a parser makes ten times as much of it
and holds Python's lock meanwhile. What is wrong is a Fault, or a Violation with the field.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from edgemesh.compute.v1 import tensor_pb2
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from edgemesh_gateway.rest import arrays
from edgemesh_gateway.rest.problem import Fault
from mesh_service import errors
from mesh_service.errors import InvalidRequest, InvalidTensor, Violation

PIECE_S = 20.0
"""How long the next piece of a body may take to come."""
MOST_FILES = 1024
FORM_OVERHEAD = 64 << 10
"""What a form's own lines may add."""
RETRY_FULL_S = 0.5
REQUEST_PART = "request"


@dataclass
class Body:
    """What came."""

    fields: dict[str, Any]
    """The JSON object."""
    files: dict[str, tensor_pb2.Tensor] = field(default_factory=dict[str, tensor_pb2.Tensor])
    """Tensors that came as files of a form, by their parts' names."""


class Bodies:
    """Reads bodies; knows how much is being read in all."""

    def __init__(self, most: int, most_json: int, most_held: int) -> None:
        """`most` bytes of a body, `most_json` of one that is JSON, `most_held` of all at a time."""
        self._most, self._most_json, self._most_held = most, most_json, most_held
        self._held = self._reading = 0

    async def read(self, request: Request) -> Body:
        """The body. Raises Fault, InvalidRequest, PayloadTooLarge, QueueFull."""
        kind = _media_type(request)
        if kind == "multipart/form-data":
            return await self._form(request)
        if kind != "application/json" and not kind.endswith("+json"):
            raise Fault(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                f"expected application/json or multipart/form-data, not {kind[:64] or 'none'!r}",
                Accept_Post="application/json, multipart/form-data",
            )
        return Body(_parsed(await self.bytes(request, self._most_json)))

    async def bytes(self, request: Request, most: int | None = None) -> bytes:
        """The body as it is, `most` bytes at most (default: what any may have)."""
        pieces: list[bytes] = []
        async with _Intake(self, request, self._most if most is None else most) as intake:
            while (piece := await intake.piece()) is not None:
                pieces.append(piece)
        return b"".join(pieces)

    @staticmethod
    def parsed(text: bytes) -> dict[str, Any]:
        """A JSON object. Raises InvalidRequest."""
        return _parsed(text)

    async def _form(self, request: Request) -> Body:
        async with _Intake(self, request, self._most + FORM_OVERHEAD) as intake:
            bounded = Request(request.scope, intake.receive)
            try:
                form = await bounded.form(
                    max_files=MOST_FILES, max_fields=8, max_part_size=self._most_json
                )
            except HTTPException as error:
                raise _invalid("request", f"a form: {error.detail}") from None
            except ClientDisconnect:
                raise errors.Cancelled from None
            try:
                return await self._unpacked(list(form.multi_items()))
            finally:
                await form.close()

    async def _unpacked(self, parts: list[tuple[str, UploadFile | str]]) -> Body:
        body, seen = Body({}), set[str]()
        for name, part in parts:
            if name in seen:
                raise _invalid(name[:128] or "part", "once")
            seen.add(name)
            if name == REQUEST_PART:
                text = part if isinstance(part, str) else await part.read()
                body.fields = _parsed(text)
            elif isinstance(part, str):
                raise _invalid(
                    name[:128] or "part", f"a file, or else JSON in the part {REQUEST_PART!r}"
                )
            else:
                raw, kind = await part.read(), part.content_type or ""
                where = f"inputs.{name[:128]}"
                body.files[name] = await asyncio.to_thread(arrays.from_file, where, raw, kind)
        return body

    def hold(self, size: int) -> None:
        """Count bytes in. Raises QueueFull."""
        if self._held + size > self._most_held:
            raise errors.QueueFull(self._reading, RETRY_FULL_S)
        self._held += size

    def enter(self) -> None:
        """Count a body in."""
        self._reading += 1

    def leave(self, size: int) -> None:
        """Count a body out, with its bytes."""
        self._reading -= 1
        self._held -= size


class _Intake:
    """One body while it is read."""

    def __init__(self, bodies: Bodies, request: Request, most: int) -> None:
        self._bodies, self._request, self._most = bodies, request, most
        self._size = 0
        self._more = True

    async def __aenter__(self) -> _Intake:
        said = self._request.headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and len(said) < 20 and int(said) > self._most:
            raise errors.PayloadTooLarge(int(said), self._most, "body")
        self._bodies.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bodies.leave(self._size)

    async def piece(self) -> bytes | None:
        """The next piece; None at the end."""
        if not self._more:
            return None
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise errors.Cancelled
        return cast(bytes, message.get("body", b""))

    async def receive(self) -> Message:
        """The next message of ASGI, counted."""
        try:
            async with asyncio.timeout(PIECE_S):
                message = await self._request.receive()
        except TimeoutError:
            raise Fault(
                408, "BODY_STALLED", f"nothing of the body came for {PIECE_S:.0f} s"
            ) from None
        if message["type"] == "http.request":
            self._more = bool(message.get("more_body", False))
            size = len(message.get("body", b""))
            if self._size + size > self._most:
                raise errors.PayloadTooLarge(self._size + size, self._most, "body")
            self._bodies.hold(size)
            self._size += size
        return message


def invalid(violations: list[Violation]) -> InvalidRequest:
    """What is wrong, as one error."""
    tensors = all(each.field.startswith("inputs.") for each in violations)
    return InvalidTensor(violations) if tensors else InvalidRequest(violations)


def join(
    given: Mapping[str, tensor_pb2.Tensor], files: Mapping[str, tensor_pb2.Tensor]
) -> dict[str, tensor_pb2.Tensor]:
    """Tensors of both kinds. Raises InvalidRequest where a name comes twice."""
    if twice := sorted(given.keys() & files.keys()):
        raise _invalid(f"inputs.{twice[0][:128]}", "once: as a file, or in the request")
    return {**given, **files}


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parsed(text: str | bytes) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found: object = json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise _invalid("request", "JSON in UTF-8") from None
    except RecursionError:
        raise _invalid("request", "JSON that is nested less deeply") from None
    except ValueError as error:
        raise _invalid("request", f"JSON: {_words(error)}") from None
    if not isinstance(found, dict):
        raise _invalid("request", "a JSON object")
    return cast(dict[str, Any], found)


def _words(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    return str(error).partition("\n")[0][:128]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f'{name} is no JSON; write "{name.lstrip("-")}" as text in a tensor')


def _invalid(name: str, expected: str) -> InvalidRequest:
    return InvalidRequest([Violation(name, expected)])
