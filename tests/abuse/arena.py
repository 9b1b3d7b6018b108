"""A whole mesh with two tenants: one attacks, the other works on and sees nothing of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from support import rpc
from support.rpc import Peer

from abuse.cases import Case
from edgemesh_local.mesh import Mesh

_PATIENCE_S = 60
_FOLLOWERS = 3


@dataclass(frozen=True)
class Came:
    """What came of a case."""

    outcome: str
    ms: float
    late_ms: float
    wrong: tuple[str, ...]


class Arena:
    """A mesh that is attacked."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def prepare(self) -> None:
        """What the other tenant has, and nobody else may call."""
        request = algorithm_pb2.RegisterAlgorithmRequest(
            name="python.hidden", code="def hidden(): return 'ann'"
        )
        await self._peer.algorithms.RegisterAlgorithm(
            request, timeout=_PATIENCE_S, metadata=_as("ann")
        )

    async def attack(self, case: Case) -> Came:
        """Run it, then honest programs of both tenants."""
        request = rpc.request(
            "python.run",
            {"code": case.code},
            capabilities=case.capabilities,
            limits=compute_pb2.Limits(run_time_ms=case.run_time_ms, calls=case.calls),
        )
        began = time.monotonic()
        wrong: list[str] = []
        outcome = ""
        try:
            response = await self._ask(request, "eve")
            outcome, said = rpc.outcome(response), f"{response.failure}"
            if outcome not in case.outcomes:
                wrong.append(f"{outcome}, not {' or '.join(case.outcomes)}: {said[:500]}")
            elif case.says not in said:
                wrong.append(f"its failure does not say {case.says!r}: {said[:500]}")
        except grpc.aio.AioRpcError as error:
            wrong.append(f"an error of the mesh: {rpc.refusal(error)}")
        spent_ms = (time.monotonic() - began) * 1e3
        for number in range(_FOLLOWERS):
            for tenant in ("eve", "ann"):
                wrong += await self._honest(tenant, number)
        return Came(outcome, spent_ms, max(0.0, spent_ms - case.run_time_ms), tuple(wrong))

    async def _honest(self, tenant: str, number: int) -> list[str]:
        code = f"import edgemesh\noutput = edgemesh.call('python.run', code='{number} * 2').result"
        asked = rpc.request("python.run", {"code": code}, capabilities=["call:python.run"])
        try:
            response = await self._ask(asked, tenant)
        except grpc.aio.AioRpcError as error:
            return [f"{tenant}'s next call: {rpc.refusal(error)}"]
        if json.loads(response.result or "null") != number * 2:
            return [f"{tenant}'s next call: {response}"]
        return []

    async def _ask(self, request: compute_pb2.ComputeRequest, tenant: str) -> Any:
        return await self._peer.compute.Compute(request, timeout=_PATIENCE_S, metadata=_as(tenant))


def _as(tenant: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {tenant}"),)


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Arena]:
    """An arena, with its own mesh; `folder` is for its state."""
    keys = folder / "keys.toml"
    keys.write_text(
        "".join(
            f'[[keys]]\ntenant = "{name}"\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
            for name in ("ann", "eve")
        )
    )
    settings = {
        "pywasm": {"WORKERS": "2", "SPARES": "1"},
        "ml": {"WORKERS": "1"},
        "gateway": {"DATABASE": f"sqlite:///{folder}/gateway.db", "API_KEYS": str(keys)},
    }
    async with (
        Mesh(("pywasm", "ml"), settings=settings) as mesh,
        rpc.connect(mesh.address("gateway")) as peer,
    ):
        arena = Arena(peer)
        await arena.prepare()
        yield arena
