"""Requests that have work in them, with the work unread.

Rules: a parser can be made to work for half a minute by some megabytes of tiny fields, and `admit`
reads what is inside with bounds; so these are the contract's own messages but for the work, which
is bytes. Wherever a SubmitJobRequest is, within whatever, its `request` is.
"""

from __future__ import annotations

from typing import Any, cast

from edgemesh.compute.v1 import chain_pb2, job_pb2, schedule_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError

from mesh_service.errors import InvalidRequest, Violation

_FILES: tuple[FileDescriptor, ...] = (
    job_pb2.DESCRIPTOR,
    schedule_pb2.DESCRIPTOR,
    chain_pb2.DESCRIPTOR,
)
_HOLDER, _WORK = "SubmitJobRequest", "request"


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    known: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name in known:
            return
        known.add(file.name)
        for needed in cast("list[FileDescriptor]", file.dependencies):
            add(needed)
        twin = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(twin)
        for message in twin.message_type:
            for field in message.field:
                if (message.name, field.name) == (_HOLDER, _WORK):
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
        pool.Add(twin)  # pyright: ignore[reportUnknownMemberType]

    for file in _FILES:
        add(file)
    return pool


_POOL = _pool()
_PACKAGE: str = job_pb2.DESCRIPTOR.package


class Outer:
    """A kind of request."""

    def __init__(self, name: str) -> None:
        """`name`: of the contract's message."""
        self._name = name
        found = _POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        self._kind: Any = message_factory.GetMessageClass(found)

    def read(self, raw: bytes) -> Any:
        """The message. Raises InvalidRequest."""
        try:
            return self._kind.FromString(raw)
        except DecodeError:
            expected = f"must be a {self._name} message"
            raise InvalidRequest([Violation("request", expected)]) from None
