"""A bare grpcio aio hop: bytes in, bytes out, the deadline passed on, and nothing else.

python -m bench.targets.passthrough PORT UPSTREAM
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc

OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class Forward(grpc.GenericRpcHandler):
    """Forwards every unary method."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def service(self, handler_call_details: Any) -> Any:
        """The handler of one method."""
        call: Any = self._channel.unary_unary(handler_call_details.method)

        async def forward(request: bytes, context: Any) -> bytes:
            answer: bytes = await call(request, timeout=context.time_remaining())
            return answer

        return grpc.unary_unary_rpc_method_handler(forward)


async def main(port: int, upstream: str) -> None:
    """Serve until killed."""
    async with grpc.aio.insecure_channel(upstream, options=OPTIONS) as channel:
        server = grpc.aio.server(options=OPTIONS)
        server.add_generic_rpc_handlers((Forward(channel),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
