"""Sessions through the gateway: they go on, are managed, and survive the executor's end."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import session_pb2
from support import rpc
from support.rpc import Peer, refused
from support.wait import until

from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("pywasm")


async def value(peer: Peer, session: str, code: str) -> Any:
    """The result of a part of a session's program."""
    request = rpc.request("python.run", {"code": code}, session_id=session)
    response = await peer.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "OK", response.failure
    return json.loads(response.result or "null")


async def test_a_session_goes_on_through_the_gateway(whole: Mesh, gateway: Peer) -> None:
    await value(gateway, "e2e", "x = [1]\ndef f():\n    yield from range(9)\ng = f()")
    assert await value(gateway, "e2e", "x.append(next(g)); x") == [1, 0]
    killed = whole.kill("pywasm")
    await whole.wait_serving("pywasm", not_pid=killed)
    await until(lambda: _back(gateway), "the executor behind the gateway")
    assert await value(gateway, "e2e", "x.append(next(g)); x") == [1, 0, 1]
    sessions = gateway.sessions
    told = await sessions.InspectSession(session_pb2.InspectSessionRequest(session_id="e2e"))
    assert {variable.name for variable in told.variables} == {"x", "f", "g"}
    fork = session_pb2.ForkSessionRequest(session_id="e2e", executor="pywasm", fork_id="e2e-2")
    await sessions.ForkSession(fork)
    assert await value(gateway, "e2e-2", "next(g)") == 2
    for name in ("e2e", "e2e-2"):
        await sessions.DeleteSession(session_pb2.DeleteSessionRequest(session_id=name))
    gone = session_pb2.GetSessionRequest(session_id="e2e")
    refusal = await refused(sessions.GetSession(gone))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_SESSION")


async def test_a_name_that_is_none_and_an_executor_that_keeps_none(gateway: Peer) -> None:
    sessions = gateway.sessions
    wrong = session_pb2.CreateSessionRequest(session_id="a/b")
    assert set((await refused(sessions.CreateSession(wrong))).fields) == {"session_id"}
    away = session_pb2.CreateSessionRequest(session_id="a", executor="cpp")
    assert set((await refused(sessions.CreateSession(away))).fields) == {"executor"}


async def _back(peer: Peer) -> bool:
    request = rpc.request("python.run", {"code": "1"})
    try:
        await peer.compute.Compute(request, timeout=5)
    except grpc.aio.AioRpcError:
        return False
    return True
