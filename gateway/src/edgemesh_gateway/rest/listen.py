"""Listens for HTTP, early, and serves it once all that this takes is imported.

Rules: the port is bound before the gateway serves, so that a taken one is told at once; what
serves it (FastAPI, NumPy: half a second) is imported in a thread after that, and whoever connects
meanwhile waits in the kernel's queue. It runs on the gateway's own loop, and is stopped after the
calls that it made have ended.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mesh_service import logs
from mesh_service.server import MeshServer, PortTaken, listen

if TYPE_CHECKING:
    from edgemesh_gateway.settings import GatewaySettings

NEEDED = ("fastapi", "multipart", "numpy", "uvicorn", "websockets")


def missing(mcp: bool) -> str:
    """The first package that is needed and not installed; empty: none. `mcp`: with that."""
    needed = (*NEEDED, "mcp") if mcp else NEEDED
    return next((name for name in needed if find_spec(name) is None), "")


class RestServer:
    """HTTP beside a gateway's gRPC."""

    def __init__(self, settings: GatewaySettings, mesh: MeshServer) -> None:
        self._settings, self._mesh = settings, mesh
        self._listeners: list[socket.socket] = []
        self._serving: asyncio.Task[None] | None = None
        self._server: Any = None

    def bind(self) -> None:
        """Take the port. Raises PortTaken."""
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            self._listeners = listen(settings.host, settings.rest_port or 0)
        except OSError:
            address = f"{host}:{settings.rest_port} (REST)"
            raise PortTaken(settings.service, address) from None
        self._mesh.http_address = f"{host}:{self._listeners[0].getsockname()[1]}"

    def secure(self) -> None:
        """Have new connections see the certificates that there are now. Raises Unusable."""
        if self._server is not None and self._server.config.ssl is not None:
            self._settings.secure(self._server.config.ssl)

    def start(self) -> None:
        """Serve as soon as it can."""
        self._serving = asyncio.create_task(self._serve(), name="rest")

    async def stop(self) -> None:
        """Stop; for after the mesh's own stop."""
        if self._server is not None:
            self._server.should_exit = True
        if self._serving is not None:
            if self._server is None:
                self._serving.cancel()
            await asyncio.wait({self._serving})
        for listener in self._listeners:
            listener.close()

    async def _serve(self) -> None:
        # Imported in a thread: the loop goes on meanwhile.
        make = await asyncio.to_thread(_import)
        self._server = make(self._settings, self._mesh)
        gc.collect()
        gc.freeze()
        logs.event("listening for HTTP", address=self._mesh.http_address)
        await self._server.serve(sockets=self._listeners)


def _import() -> Callable[[GatewaySettings, MeshServer], Any]:
    from edgemesh_gateway.rest.front import server

    return server
