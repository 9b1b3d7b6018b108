"""Reads a request's message; what is none is refused in the same words everywhere.

Requests with tensors are `wire`'s, which reads them without copies and with bounds.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from mesh_service.errors import InvalidRequest, Violation

Asked = TypeVar("Asked", bound=Message)


def parse(kind: type[Asked], raw: bytes) -> Asked:
    """The message. Raises InvalidRequest."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        expected = f"must be a {kind.DESCRIPTOR.name} message"
        raise InvalidRequest([Violation("request", expected)]) from None
