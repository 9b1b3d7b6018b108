"""ModelService: callers list the models that an executor has, load and unload them.

Rules: a call is passed on as it is; the gateway neither keeps nor knows models. They are the
operator's and no tenant's, so to be told of them takes a scope too. Of several replicas one tells
of its own, and all that are there load or unload: who knows no such model, or fails, is told of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

from edgemesh.compute.v1 import model_pb2
from google.protobuf.message import Message

from edgemesh_gateway import passing
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.executor import Executor
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

_DESCRIPTOR = model_pb2.DESCRIPTOR.services_by_name["ModelService"]
SERVICE: str = _DESCRIPTOR.full_name
READ, WRITE = "models:read", "models:write"
_LOOKS = ("Get", "List")
"""How methods begin that change nothing."""
TIMEOUT_S = 300.0
"""A large model may take minutes to be loaded, or to have its calls ended."""
_HAS = "ml.tensor"
"""Who offers this has models, or may have."""


class _Request(Protocol):
    executor: str


class Models:
    """The servicer of ModelService."""

    def __init__(self, authenticator: Authenticator, executors: Sequence[Executor]) -> None:
        self._authenticator, self._executors = authenticator, executors

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return passing.methods(_DESCRIPTOR, self._passing)

    def _passing(self, method: str, kind: type[Message]) -> Handler:
        scope = READ if method.startswith(_LOOKS) else WRITE

        async def handle(raw: bytes, rpc: Rpc) -> bytes:
            tenant = (await self._authenticator.authenticate(rpc, scope)).tenant
            request = cast(_Request, parse(kind, raw))
            executor = passing.keeper(
                self._executors, _HAS, request.executor, "no executor has models"
            )
            if not executor.ready:
                raise executor.away()
            # What is begun twice is done once.
            ask = partial(
                passing.pass_on,
                service=SERVICE,
                method=method,
                raw=raw,
                rpc=rpc,
                tenant=tenant,
                timeout_s=TIMEOUT_S,
                started=False,
            )
            asked = executor.usable[:1] if scope == READ else executor.usable
            return (await asyncio.gather(*map(ask, asked)))[0]

        return handle
