"""The way of a request: authenticate → admit → route → schedule → dispatch.

Rules: the stages are read here top-down, and each is a file of its own; what a stage gives must be
held by the next: a permit and a slot to dispatch. Leaving the method gives both back, however.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.accounting.accounts import Accounts
from edgemesh_gateway.admit import Admission, Permit
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.dispatch import Dispatcher
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.identity.caller import Caller
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.route import Routes
from edgemesh_gateway.schedule import Slot
from edgemesh_gateway.tickets import Ticket, Tickets
from edgemesh_gateway.usage import Usage
from mesh_service import tracing
from mesh_service.stack import Rpc

SERVICE: str = compute_pb2.DESCRIPTOR.services_by_name["ComputeService"].full_name
Answer = TypeVar("Answer")


class Gateway:
    """The servicer of ComputeService."""

    def __init__(
        self,
        authenticator: Authenticator,
        admission: Admission,
        routes: Routes,
        dispatcher: Dispatcher,
        programs: Programs,
        tickets: Tickets,
        usage: Usage,
        accounts: Accounts,
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._routes = routes
        self._dispatcher = dispatcher
        self._programs = programs
        self._tickets = tickets
        self._usage = usage
        self._accounts = accounts

    async def compute(self, raw: bytes, rpc: Rpc) -> bytes:
        """Compute: one answer."""
        return await self._serve(raw, rpc, self._dispatcher.unary)

    async def compute_stream(self, raw: bytes, rpc: Rpc) -> None:
        """ComputeStream: events, the last of which is the answer."""
        await self._serve(raw, rpc, self._dispatcher.stream)

    async def _serve(
        self,
        raw: bytes,
        rpc: Rpc,
        dispatch: Callable[[Executor, Permit, Slot], Awaitable[Answer]],
    ) -> Answer:
        above = self._tickets.of(rpc)
        caller = await self._authenticator.authenticate(rpc) if above is None else above.caller
        return await self.run(raw, rpc, caller, dispatch, above)

    async def run(
        self,
        raw: bytes,
        rpc: Rpc,
        caller: Caller,
        dispatch: Callable[[Executor, Permit, Slot], Awaitable[Answer]],
        above: Ticket | None = None,
    ) -> Answer:
        """The way of a request whose caller is known: a call's, or a job's."""
        with (
            self._accounts.way(rpc, caller.tenant, len(raw)) as way,
            self._admission.admit(raw, rpc, caller, nested=above is not None) as permit,
        ):
            permit.way = way
            executor = await self._programs.route(permit) or self._routes.route(
                permit.algorithm, caller.may_run
            )
            executor.demand(permit)
            way.waits()
            inside = above is not None and executor.name in above.holds
            with tracing.span("schedule", executor=executor.name):
                granted = await executor.lane.slot(
                    permit.priority,
                    permit.deadline,
                    tenant=permit.tenant,
                    size=len(permit.raw),
                    algorithm=permit.algorithm.partition("@")[0],
                    inside=inside,
                )
            way.holds(executor.name)
            with granted as slot, self._usage.running(caller.tenant), way.running():
                if not permit.asks:
                    return await dispatch(executor, permit, slot)
                with self._tickets.issued(caller, above, executor.name) as permit.ticket:
                    return await dispatch(executor, permit, slot)
