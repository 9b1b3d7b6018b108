"""What grpcurl does: services and their descriptors by reflection, and a call made from them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import (
    descriptor,
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
)
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

Request = reflection_pb2.ServerReflectionRequest


async def _ask(
    channel: grpc.aio.Channel, request: Request
) -> reflection_pb2.ServerReflectionResponse:
    untyped: Any = channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(untyped)

    async def requests() -> AsyncIterator[Request]:
        yield request

    async for response in stub.ServerReflectionInfo(requests(), timeout=10):
        return response
    raise AssertionError("no answer")


async def services(channel: grpc.aio.Channel) -> set[str]:
    """The services that a server lists."""
    response = await _ask(channel, Request(list_services=""))
    return {service.name for service in response.list_services_response.service}


async def describe(channel: grpc.aio.Channel, service: str) -> descriptor.ServiceDescriptor:
    """A service's descriptor, built from what the server sends and nothing else."""
    pool = descriptor_pool.DescriptorPool()
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    async def load(request: Request) -> None:
        response = await _ask(channel, request)
        assert not response.HasField("error_response"), response.error_response
        for raw in response.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            files.setdefault(file.name, file)
            for needed in file.dependency:
                if needed not in files:
                    await load(Request(file_by_filename=needed))

    def add(name: str) -> None:
        file = files.pop(name, None)
        if file is not None:
            for needed in file.dependency:
                add(needed)
            pool.Add(file)  # type: ignore[attr-defined]

    await load(Request(file_containing_symbol=service))
    for name in list(files):
        add(name)
    return pool.FindServiceByName(service)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


async def call(channel: grpc.aio.Channel, service: str, method: str, text: str) -> str:
    """Call a unary method with a request in JSON; gives the response in JSON."""
    found = (await describe(channel, service)).methods_by_name[method]
    request: Message = json_format.Parse(text, message_factory.GetMessageClass(found.input_type)())
    answer = message_factory.GetMessageClass(found.output_type)
    rpc = channel.unary_unary(
        f"/{service}/{method}",
        request_serializer=_serialize,
        response_deserializer=answer.FromString,
    )
    return json_format.MessageToJson(await rpc(request, timeout=60))
