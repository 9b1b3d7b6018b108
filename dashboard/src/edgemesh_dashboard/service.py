"""The dashboard's process: its port, its application, its end.

Rules: when it serves it says so by one line of JSON on stdout, as every service of the house does.
NiceGUI has one application for each process, so there is one dashboard in one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import AsyncGenerator

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from edgemesh_dashboard import pages
from edgemesh_dashboard.guard import Guard
from edgemesh_dashboard.house import House
from edgemesh_dashboard.settings import Settings

_DRAIN_S = 2


def application(house: House) -> FastAPI:
    """The whole of it, to be served."""
    settings = house.settings

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with house.open():
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    pages.register(house)
    ui.run_with(
        app,
        title="edgemesh",
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
        # Visits do not outlive the process: neither do the keys that they stand for.
        storage_secret=secrets.token_urlsafe(32),
        session_middleware_kwargs={
            "session_cookie": "edgemesh_dashboard",
            "same_site": "strict",
            "https_only": settings.certificate is not None or settings.tls_at_proxy,
            "max_age": None,
        },
    )
    app.add_middleware(Guard, hosts={settings.host, *settings.hosts})
    return app


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError where the port is taken."""
    with _bound(settings) as listening:
        config = uvicorn.Config(
            application(House(settings)),
            log_level="warning",
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.certificate_key,
            timeout_graceful_shutdown=_DRAIN_S,
            proxy_headers=settings.tls_at_proxy,
        )
        await _Server(config, settings).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, then say it."""
        await super().startup(sockets)
        if self.started and sockets:
            _say(self._settings, sockets[0].getsockname()[1])


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError:
        listening.close()
        raise
    return listening


def _say(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{port}"
    line = {
        "event": "serving",
        "service": "dashboard",
        "address": address,
        "http": address,
        "pid": os.getpid(),
    }
    print(json.dumps(line), flush=True)
