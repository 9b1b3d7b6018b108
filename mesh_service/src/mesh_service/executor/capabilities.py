"""capabilities: what a run may reach beyond its box, as names.

Rules: nothing is granted that was not asked for, and nothing can be asked for that an algorithm
does not list. A name is a kind, or a kind, a colon and what it is about; a `*` at its end stands
for any rest, so `call:*` covers `call:cpp.*`, which covers `call:cpp.fft`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from edgemesh.compute.v1 import compute_pb2

    from mesh_service.executor.validate import Valid
    from mesh_service.stack import Rpc

Answer: TypeAlias = Callable[[bytes], Awaitable[bytes]]
Opened: TypeAlias = Callable[[], Answer]
"""What answers the questions of one worker; a request that is spread over several has several."""

_NAME = re.compile(r"[a-z]+(?::(?:[A-Za-z0-9_.-]+|(?:[A-Za-z0-9_.-]+\.)?\*))?")


class BackDoor(Protocol):
    """What answers the questions of workers on behalf of their runs; lives in the front.

    What a worker says of its run is untrusted: who asks, and what it was granted, is in `valid`.
    """

    def open(self, valid: Valid, rpc: Rpc) -> Opened:
        """What answers the questions of one request; that never raises but when it is cancelled."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def covers(grant: str, wanted: str) -> bool:
    """Whether who has `grant` has `wanted` too."""
    return grant == wanted or (grant.endswith("*") and wanted.startswith(grant[:-1]))


def covered(grants: Iterable[str], wanted: str) -> bool:
    """Whether one of `grants` covers it."""
    return any(covers(grant, wanted) for grant in grants)


def refusal(request: compute_pb2.ComputeRequest, known: Iterable[str]) -> str:
    """Why what a request asks for is not granted; empty where it is. `known`: what can be."""
    if not request.capabilities:
        return ""
    known = list(known)
    for wanted in request.capabilities:
        if not (_NAME.fullmatch(wanted) and covered(known, wanted)):
            there = f"one of {', '.join(known)}" if known else "empty: this executor grants none"
            return f"{there}; not {wanted[:128]!r}"
    return ""
