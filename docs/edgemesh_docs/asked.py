"""What a running mesh says of itself: what can be computed, and the description of REST.

Rules: it is asked once a process, and runs on free ports with a database of its own; what it is
made of must have been built.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from edgemesh_client import Algorithm, AsyncClient
from edgemesh_local.mesh import Mesh
from edgemesh_local.service import all_services


@dataclass(frozen=True, slots=True)
class Said:
    """What it said."""

    algorithms: tuple[Algorithm, ...]
    """All of them, in their default versions."""
    rest: Mapping[str, Any]
    """The OpenAPI document."""


@cache
def mesh() -> Said:
    """Start one, ask it, stop it. Raises StartFailed."""
    return asyncio.run(_asked())


async def ask(gateway: str, rest: str) -> Said:
    """Ask a mesh that runs, by its two addresses."""
    async with AsyncClient(gateway) as client:
        algorithms = await client.algorithms()
    document = await asyncio.to_thread(_read, f"http://{rest}/openapi.json")
    offered = sorted(algorithms, key=lambda each: each.name)
    return Said(tuple(each for each in offered if each.default), document)


async def _asked() -> Said:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"gateway": {"REST_PORT": "0", "DATABASE": f"sqlite:///{folder}/gateway.db"}}
        async with Mesh(settings=_few_workers() | settings) as running:
            return await ask(running.address("gateway"), running.http("gateway"))


def _few_workers() -> dict[str, dict[str, str]]:
    layout = Mesh().layout
    names = (name for name, each in all_services(layout.root).items() if not each.is_gateway)
    return {name: {"WORKERS": "1", "SPARES": "0"} for name in names}


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own address
        return json.load(answer)
