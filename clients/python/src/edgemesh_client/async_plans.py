"""What a mesh does by the clock, and one after the other: schedules, chains."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from edgemesh.compute.v1 import chain_pb2, chain_pb2_grpc, schedule_pb2, schedule_pb2_grpc

from edgemesh_client.async_connection import AsyncConnection
from edgemesh_client.errors import DeadlineExceeded
from edgemesh_client.plans import ChainInfo, Missed, Plan, ScheduleInfo, Step

_SLICE_S = 20.0
_MARGIN_S = 10.0


class AsyncPlans(AsyncConnection):
    """What was planned, listed and changed."""

    async def create_schedule(
        self,
        id: str,
        cron: str,
        plan: Plan,
        *,
        time_zone: str = "UTC",
        missed: Missed = Missed.SKIP,
        paused: bool = False,
    ) -> ScheduleInfo:
        """Have a job made at each time that `cron` says, e.g. "0 3 * * MON-FRI".

        The same one again is the same. Raises AlreadyExists where one of that id differs.
        """
        request = schedule_pb2.CreateScheduleRequest(
            id=id,
            cron=cron,
            time_zone=time_zone,
            missed=schedule_pb2.MissedFirings.Value(f"MISSED_FIRINGS_{missed.value}"),
            paused=paused,
            job=plan.message(),
        )
        answer = await self.link.unary(self._schedules.CreateSchedule, request, safe=True)
        return ScheduleInfo.read(answer.schedule)

    async def schedule(self, id: str) -> ScheduleInfo:
        """A schedule by its id. Raises NotFound."""
        request = schedule_pb2.GetScheduleRequest(id=id)
        answer = await self.link.unary(self._schedules.GetSchedule, request, safe=True)
        return ScheduleInfo.read(answer.schedule)

    async def schedules(self) -> list[ScheduleInfo]:
        """The tenant's schedules, by id."""
        found, after = list[ScheduleInfo](), ""
        while True:
            request = schedule_pb2.ListSchedulesRequest(page_size=1000, after=after)
            answer = await self.link.unary(self._schedules.ListSchedules, request, safe=True)
            found += map(ScheduleInfo.read, answer.schedules)
            after = answer.next_after
            if not after:
                return found

    async def pause_schedule(self, id: str) -> ScheduleInfo:
        """Have it make nothing until it is resumed."""
        request = schedule_pb2.PauseScheduleRequest(id=id)
        answer = await self.link.unary(self._schedules.PauseSchedule, request, safe=True)
        return ScheduleInfo.read(answer.schedule)

    async def resume_schedule(self, id: str) -> ScheduleInfo:
        """Have it go on with its next time."""
        request = schedule_pb2.ResumeScheduleRequest(id=id)
        answer = await self.link.unary(self._schedules.ResumeSchedule, request, safe=True)
        return ScheduleInfo.read(answer.schedule)

    async def delete_schedule(self, id: str) -> None:
        """Forget it; jobs that it has made go on. Raises NotFound."""
        request = schedule_pb2.DeleteScheduleRequest(id=id)
        await self.link.unary(self._schedules.DeleteSchedule, request)

    async def submit_chain(self, steps: Sequence[Step], *, request_id: str = "") -> ChainInfo:
        """Have jobs done, some of which take what others give: when this returns, all are kept.

        A `request_id` names the chain: submitted again it is the same.
        """
        request = chain_pb2.SubmitChainRequest(
            request_id=request_id or uuid.uuid4().hex, steps=[step.message() for step in steps]
        )
        answer = await self.link.unary(self._chains.SubmitChain, request, safe=True)
        return ChainInfo.read(answer.chain)

    async def chain(self, id: str) -> ChainInfo:
        """A chain by its id. Raises NotFound."""
        request = chain_pb2.GetChainRequest(id=id)
        answer = await self.link.unary(self._chains.GetChain, request, safe=True)
        return ChainInfo.read(answer.chain)

    async def wait_chain(self, id: str, timeout: float | None = None) -> ChainInfo:
        """Wait until all its jobs have ended. Raises DeadlineExceeded after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + (float("inf") if timeout is None else timeout)
        while True:
            left = max(0.001, min(_SLICE_S, ends - loop.time()))
            request = chain_pb2.WaitChainRequest(id=id, timeout_ms=max(1, int(left * 1000)))
            answer = await self.link.unary(
                self._chains.WaitChain, request, timeout=left + _MARGIN_S, safe=True
            )
            found = ChainInfo.read(answer.chain)
            if found.state.done:
                return found
            if loop.time() >= ends:
                said = f"the chain is {found.state.value} after {timeout} s"
                raise DeadlineExceeded("DEADLINE_EXCEEDED", said)

    async def cancel_chain(self, id: str) -> ChainInfo:
        """Ask for the end of all its jobs."""
        request = chain_pb2.CancelChainRequest(id=id)
        answer = await self.link.unary(self._chains.CancelChain, request, safe=True)
        return ChainInfo.read(answer.chain)

    async def delete_chain(self, id: str) -> None:
        """Forget it and its jobs. Raises FailedPrecondition while one has not ended."""
        await self.link.unary(self._chains.DeleteChain, chain_pb2.DeleteChainRequest(id=id))

    @property
    def _chains(self) -> chain_pb2_grpc.ChainServiceAsyncStub:
        return chain_pb2_grpc.ChainServiceStub(self.channel)

    @property
    def _schedules(self) -> schedule_pb2_grpc.ScheduleServiceAsyncStub:
        return schedule_pb2_grpc.ScheduleServiceStub(self.channel)
