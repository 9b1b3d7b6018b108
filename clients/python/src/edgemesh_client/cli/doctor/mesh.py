"""The mesh itself: whether we are let in, what the gateway says of its files, each executor, its
models, and the two clocks.

Rules: nothing is tried again, and nothing is computed but a probe of a few bytes per executor. One
of the three standard executors that offers nothing counts as away where the gateway says that it
may yet come; where it knows of none, it is not part of this mesh.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgemesh_client.async_client import AsyncClient
from edgemesh_client.cli.app import Said
from edgemesh_client.cli.shapes import Finding
from edgemesh_client.client import Client
from edgemesh_client.errors import (
    EdgemeshError,
    InvalidRequest,
    MeshError,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from edgemesh_client.options import Options, Retries

_SOON_S = 5.0
_MOST_SKEW_S = 5.0
"""Tokens are believed for ten seconds past their time, and webhooks' signatures for minutes."""
_FILES = {
    "policy": "edgemesh-gateway policy FILE says what is wrong in it; mend it, or put the old back",
    "api keys": "mend the file that EDGEMESH_GATEWAY_API_KEYS names; its log says what is wrong",
    "key set": "curl the JWKS that EDGEMESH_GATEWAY_JWT_KEY_SET names; its log says what is wrong",
    "certificates": "put a pair that fits where EDGEMESH_GATEWAY_TLS_CERTIFICATE, …_KEY say",
}
"""What the gateway reads anew while it runs → what mends one that is not in force."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A small call of an executor."""

    executor: str
    algorithm: str
    parameters: dict[str, Any]
    tensors: dict[str, Any]


_PROBES = (
    Probe("cpp", "cpp.fft", {}, {"x": np.ones(4)}),
    Probe("ml", "ml.embed", {"texts": ["a"]}, {}),
    Probe("pywasm", "python.run", {"code": "1"}, {}),
)
_NO_MODELS = "edgemesh models pull NAME SOURCE; all that is delivered: make build EXECUTORS=ml"


def examine(said: Said, options: Options) -> Iterator[Finding]:
    """Finding after finding, until one makes the next pointless."""
    with Client(**said, retries=Retries(attempts=1)) as client:
        try:
            served = {each.name: each.executor for each in client.algorithms()}
        except EdgemeshError as error:
            yield _refused(error, options)
            return
        yield Finding("key", True, "accepted" if options.bearer else "none is needed")
        mend = "edgemesh up, and its log" if not served else ""
        yield Finding("gateway", bool(served), f"{len(served)} algorithms", mend)
        yield from asyncio.run(_files(said))
        clocks = list[float]()
        for probe in _PROBES:
            yield from _executor(client, probe, served, clocks)
        known = {probe.executor for probe in _PROBES}
        for executor in sorted(set(served.values()) - known):
            yield Finding(executor, True, "served; no probe of it is known")
        if "ml" in served.values():
            yield from _models(client)
        if clocks:
            yield _clock(min(clocks, key=abs))


def _refused(error: EdgemeshError, options: Options) -> Finding:
    """Why the first call was not answered."""
    if isinstance(error, Unauthenticated):
        if options.bearer:
            found = f"it is not known here, or was revoked, or has expired: {error}"
            mend = "export EDGEMESH_API_KEY=…; who is admin makes one: edgemesh keys create"
        else:
            found = f"none is shown, and the mesh demands one: {error}"
            mend = (
                "export EDGEMESH_API_KEY=…; the first one is made beside the gateway: "
                "edgemesh-gateway keys create --tenant NAME"
            )
        return Finding("key", False, found, mend)
    if isinstance(error, PermissionDenied):
        scope = error.metadata.get("scope", "SCOPE")
        mend = f"who is admin makes one: edgemesh keys create --tenant NAME --scope {scope}"
        return Finding("key", False, str(error), mend)
    if isinstance(error, MeshError) and error.code == "UNIMPLEMENTED":
        host = options.address.rpartition(":")[0] or "HOST"
        found = f"{options.address} speaks gRPC and is no gateway: an executor, it seems"
        return Finding("gateway", False, found, f"export EDGEMESH_ADDRESS={host}:50051")
    return Finding("gateway", False, str(error), "edgemesh up where it runs, and its log")


async def _files(said: Said) -> list[Finding]:
    """What health says of the files that the gateway reads anew."""
    findings = list[Finding]()
    async with AsyncClient(**said) as client:
        stub: Any = health_pb2_grpc.HealthStub(client.channel)
        for name, mend in _FILES.items():
            try:
                told = await stub.Check(
                    health_pb2.HealthCheckRequest(service=name), timeout=_SOON_S
                )
            except grpc.aio.AioRpcError:  # it has no such file
                continue
            if told.status != health_pb2.HealthCheckResponse.SERVING:
                found = "the file that lies there is not in force, but the one before"
                findings.append(Finding(name.replace(" ", "-"), False, found, mend))
    return findings


def _executor(
    client: Client, probe: Probe, served: dict[str, str], clocks: list[float]
) -> Iterator[Finding]:
    """Whether it answers a small call; how far the two clocks are apart goes to `clocks`."""
    name = served.get(probe.algorithm, probe.executor)
    id = uuid.uuid4().hex
    before = time.time()
    try:
        result = client.compute(
            probe.algorithm,
            parameters=probe.parameters,
            tensors=probe.tensors,
            request_id=id,
            check=False,
        )
    except PermissionDenied as error:
        yield Finding(name, True, f"not asked, for {error}")
        return
    except (NotFound, InvalidRequest) as error:
        if probe.executor in served.values():  # ml without models is told of below
            return
        if isinstance(error, InvalidRequest):
            yield Finding(name, False, str(error), _again(name))
        return
    except EdgemeshError as error:
        away = isinstance(error, Unavailable) and probe.algorithm not in served
        found = f"it is away: {error}" if away else f"{probe.algorithm}: {error}"
        yield Finding(name, False, found, _again(name))
        return
    skew = _skew(client, id, before, time.time())
    if skew is not None:
        clocks.append(skew)
    if not result.ok:
        yield Finding(name, False, f"{probe.algorithm}: {result.outcome.value}", _again(name))
        return
    took = result.usage.total_us / 1000
    yield Finding(name, True, f"{result.usage.version}, {probe.algorithm} {took:.1f} ms")


def _again(executor: str) -> str:
    return f"edgemesh up --executors {executor}, where the mesh runs; its log says why it went"


def _models(client: Client) -> Iterator[Finding]:
    try:
        models = client.models()
    except MeshError:  # another scope, or none that has models
        models = None
    if models is not None:
        found = f"{len(models)}, {sum(each.loaded for each in models)} loaded"
        yield Finding(
            "models", bool(models), found if models else "none", "" if models else _NO_MODELS
        )


def _skew(client: Client, id: str, before: float, after: float) -> float | None:
    """How many seconds the gateway's clock is ahead of ours; None where it has no record."""
    for _ in range(20):  # what became of calls is told in batches
        try:
            began = client.request(id).began.timestamp()
        except NotFound:
            time.sleep(0.1)
            continue
        except EdgemeshError:
            return None
        return max(began - after, 0.0) + min(began - before, 0.0)
    return None


def _clock(skew: float) -> Finding:
    if abs(skew) <= _MOST_SKEW_S:
        return Finding("clock", True, "as the gateway's")
    found = f"it is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the gateway's"
    return Finding("clock", False, found, "timedatectl set-ntp true, on the machine that is wrong")
