"""tickets: in whose name an executor may call, while it works for somebody.

Rules: a request that asks for capabilities takes a ticket along to its executor, a random number
that only the two of them know. The executor's front shows it when the work calls something in its
turn; it stands for the caller's identity and scopes, says how deep calls are nested, and is void as
soon as the request has ended. Where several gateways stand behind one name, it ends in `@host:port`
of the one that issued it, for no other knows it. So nobody can act for a tenant whose work it is
not doing at that moment; no header names a tenant here, and no secret is handed out. Workers and
guests never see a ticket.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from edgemesh_gateway.identity.caller import Caller
from mesh_service import errors
from mesh_service.stack import Rpc

TICKET = "edgemesh-ticket"
_BYTES = 18


@dataclass(frozen=True, slots=True)
class Ticket:
    """What one stands for."""

    caller: Caller
    depth: int = 0
    """How many calls the request is away from a client's own."""
    holds: frozenset[str] = frozenset()
    """Executors of which the calls above have a slot each: who waits for one waits for them."""


class Tickets:
    """Those that are valid now."""

    def __init__(self, most_depth: int, reached_at: str = "") -> None:
        """`most_depth`: how deep calls may be nested; 0: none may. `reached_at`: where executors
        reach this very gateway; empty: there is only one."""
        self._most_depth = most_depth
        self._at = f"@{reached_at}" if reached_at else ""
        self._valid: dict[str, Ticket] = {}

    def __len__(self) -> int:
        return len(self._valid)

    def of(self, rpc: Rpc) -> Ticket | None:
        """The one that a call shows; None: it shows none.

        Raises Unauthenticated for one that is not valid (any more), CallsTooDeep.
        """
        shown = rpc.header(TICKET)
        if not shown:
            return None
        ticket = self._valid.get(shown)
        if ticket is None:
            raise errors.Unauthenticated(f"metadata {TICKET}: one of a request that runs")
        if ticket.depth >= self._most_depth:
            raise errors.CallsTooDeep(self._most_depth)
        rpc.tenant = ticket.caller.tenant
        rpc.notes["who"] = ticket.caller.who
        return ticket

    @contextmanager
    def issued(self, caller: Caller, above: Ticket | None, executor: str) -> Generator[str]:
        """One for a request that goes to `executor`, valid within the block."""
        depth, holds = (0, frozenset[str]()) if above is None else (above.depth + 1, above.holds)
        text = secrets.token_urlsafe(_BYTES) + self._at
        self._valid[text] = Ticket(caller, depth, holds | {executor})
        try:
            yield text
        finally:
            del self._valid[text]
