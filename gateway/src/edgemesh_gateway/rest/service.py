"""One of the gateway's services, as routes call it: whoever leaves has waited long enough."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.requests import Request

from edgemesh_gateway.rest import asking
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.presence import while_there

Reply = TypeVar("Reply", bound=Message)


class Service:
    """A service by its name."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk, self._name = desk, name

    async def call(
        self, request: Request, method: str, message: Message, kind: type[Reply]
    ) -> Reply:
        """What a method answers. Raises MeshError, AioRpcError."""
        caller = asking.caller(request)
        return await while_there(
            request, self._desk.core.call(self._name, method, message, kind, caller)
        )

    async def ask(self, request: Request, method: str, /, **fields: Any) -> Message:
        """The same by the fields of the method's own message. Raises InvalidRequest, too."""
        described = Default().FindServiceByName(self._name).methods_by_name[method]
        message = asking.build(GetMessageClass(described.input_type), **fields)
        return await self.call(request, method, message, GetMessageClass(described.output_type))
