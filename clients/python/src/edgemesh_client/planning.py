"""What a mesh does by the clock, and one after the other: `AsyncPlans`, without an event loop."""

from __future__ import annotations

from collections.abc import Sequence

from edgemesh_client.connection import Connection
from edgemesh_client.plans import ChainInfo, Missed, Plan, ScheduleInfo, Step


class Planning(Connection):
    """What was planned, listed and changed."""

    def create_schedule(
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
        return self._portal.run(
            self._async.create_schedule(
                id, cron, plan, time_zone=time_zone, missed=missed, paused=paused
            )
        )

    def schedule(self, id: str) -> ScheduleInfo:
        """A schedule by its id. Raises NotFound."""
        return self._portal.run(self._async.schedule(id))

    def schedules(self) -> list[ScheduleInfo]:
        """The tenant's schedules, by id."""
        return self._portal.run(self._async.schedules())

    def pause_schedule(self, id: str) -> ScheduleInfo:
        """Have it make nothing until it is resumed."""
        return self._portal.run(self._async.pause_schedule(id))

    def resume_schedule(self, id: str) -> ScheduleInfo:
        """Have it go on with its next time."""
        return self._portal.run(self._async.resume_schedule(id))

    def delete_schedule(self, id: str) -> None:
        """Forget it; jobs that it has made go on. Raises NotFound."""
        self._portal.run(self._async.delete_schedule(id))

    def submit_chain(self, steps: Sequence[Step], *, request_id: str = "") -> ChainInfo:
        """Have jobs done, some of which take what others give: when this returns, all are kept.

        A `request_id` names the chain: submitted again it is the same.
        """
        return self._portal.run(self._async.submit_chain(steps, request_id=request_id))

    def chain(self, id: str) -> ChainInfo:
        """A chain by its id. Raises NotFound."""
        return self._portal.run(self._async.chain(id))

    def wait_chain(self, id: str, timeout: float | None = None) -> ChainInfo:
        """Wait until all its jobs have ended. Raises DeadlineExceeded after `timeout` seconds."""
        return self._portal.run(self._async.wait_chain(id, timeout))

    def cancel_chain(self, id: str) -> ChainInfo:
        """Ask for the end of all its jobs."""
        return self._portal.run(self._async.cancel_chain(id))

    def delete_chain(self, id: str) -> None:
        """Forget it and its jobs. Raises FailedPrecondition while one has not ended."""
        self._portal.run(self._async.delete_chain(id))
