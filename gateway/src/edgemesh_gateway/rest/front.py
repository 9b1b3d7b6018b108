"""The HTTP server: uvicorn over the application."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Generator
from importlib.metadata import version

import uvicorn

from edgemesh_gateway.rest import app, guard
from edgemesh_gateway.rest.body import Bodies
from edgemesh_gateway.rest.caller import Core
from edgemesh_gateway.rest.computing import Computing
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.settings import GatewaySettings
from mesh_service.server import BACKLOG, MeshServer

KEEP_ALIVE_S = 30
LET_GO_S = 2
"""How long answers may take to be read once their calls have ended."""


class Server(uvicorn.Server):
    """uvicorn on a loop that is not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the gateway's business."""
        yield


def server(settings: GatewaySettings, mesh: MeshServer) -> Server:
    """One that answers by what `mesh` serves."""
    core = Core(mesh.handlers)
    desk = Desk(
        core=core,
        bodies=Bodies(
            settings.max_request_bytes, settings.rest_max_json_bytes, settings.max_held_bytes
        ),
        computing=Computing(core),
        ready=lambda: mesh.serving,
        most_json=settings.rest_max_json_bytes,
    )
    origins = list(settings.rest_origins)
    hosts = guard.own_hosts(settings.host) if not settings.identified else None
    config = uvicorn.Config(
        app.make(desk, origins, hosts, version("edgemesh-gateway"), mcp=settings.mcp),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=settings.rest_max_json_bytes,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LET_GO_S,
    )
    config.load()
    if settings.tls_certificate is not None:
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        settings.secure(config.ssl)
    return Server(config)
