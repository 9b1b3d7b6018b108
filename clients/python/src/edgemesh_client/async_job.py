"""A job as a future: it goes on though nobody waits, and may be asked for later by its id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgemesh.compute.v1 import job_pb2, job_pb2_grpc

from edgemesh_client import events
from edgemesh_client.errors import DeadlineExceeded, Unavailable
from edgemesh_client.job_kinds import JobInfo, JobState
from edgemesh_client.result import Result, read_result
from edgemesh_client.translate import from_job

if TYPE_CHECKING:
    from edgemesh_client.async_client import AsyncClient

_SLICE_S = 20.0
_MARGIN_S = 10.0
_MOST_BREAKS = 10


@dataclass(frozen=True, slots=True)
class Moved:
    """A job came into a state."""

    state: JobState
    attempt: int


JobEvent = events.Event | Moved


class AsyncJob:
    """A job. `info` is what was last heard of it."""

    def __init__(self, client: AsyncClient, info: JobInfo) -> None:
        self._client, self.info = client, info

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return self.info.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.info.state.value} {self.info.algorithm}>"

    def _repr_html_(self) -> str:
        return self.info._repr_html_()  # pyright: ignore[reportPrivateUsage]

    async def refresh(self) -> JobInfo:
        """What it is now."""
        request = job_pb2.GetJobRequest(id=self.id)
        answer = await self._client.link.unary(self._stub.GetJob, request, safe=True)
        return self._heard(answer.job)

    async def done(self) -> bool:
        """Whether it has ended."""
        return (await self.refresh()).state.done

    async def wait(self, timeout: float | None = None) -> JobInfo:
        """Wait until it has ended. Raises DeadlineExceeded after `timeout` seconds."""
        await self._ended(timeout)
        return self.info

    async def result(self, timeout: float | None = None, *, check: bool = True) -> Result:
        """Its result, waited for. Raises AlgorithmFailed, and MeshError where it has none."""
        job = await self._ended(timeout)
        if job.HasField("error"):
            raise from_job(job.error)
        result = read_result(job.response)
        return result.check() if check else result

    def future(self, *, check: bool = True) -> asyncio.Task[Result]:
        """Its result as a task, for `asyncio.wait` and their like; `await job` is the same.

        Cancelling the task stops the waiting, not the job.
        """
        return asyncio.create_task(self.result(check=check))

    def __await__(self) -> Generator[Any, None, Result]:
        return self.result().__await__()

    async def cancel(self) -> JobInfo:
        """Ask for its end."""
        request = job_pb2.CancelJobRequest(id=self.id)
        answer = await self._client.link.unary(self._stub.CancelJob, request, safe=True)
        return self._heard(answer.job)

    async def delete(self) -> None:
        """Forget it, with its result. Raises FailedPrecondition while it has not ended."""
        await self._client.link.unary(self._stub.DeleteJob, job_pb2.DeleteJobRequest(id=self.id))

    async def events(self) -> AsyncIterator[JobEvent]:
        """What happened, then what happens, until its end; goes on where a connection broke."""
        seen, breaks = 0, 0
        while True:
            request = job_pb2.StreamJobEventsRequest(id=self.id, after_sequence=seen)
            try:
                async for answer in self._client.link.stream(
                    self._stub.StreamJobEvents, request, timeout=float("inf"), safe=True
                ):
                    event, breaks = answer.event, 0
                    seen = event.sequence
                    if event.HasField("work"):
                        told = events.read_event(event.work)
                        if told is not None:
                            yield told
                    else:
                        yield Moved(JobState.read(event.state), event.attempt)
                return
            except Unavailable:
                breaks += 1
                if breaks > _MOST_BREAKS:
                    raise

    @property
    def _stub(self) -> job_pb2_grpc.JobServiceAsyncStub:
        return job_pb2_grpc.JobServiceStub(self._client.channel)

    async def _ended(self, timeout: float | None) -> job_pb2.Job:
        loop = asyncio.get_running_loop()
        ends = loop.time() + (float("inf") if timeout is None else timeout)
        while True:
            left = max(0.001, min(_SLICE_S, ends - loop.time()))
            request = job_pb2.WaitJobRequest(id=self.id, timeout_ms=max(1, int(left * 1000)))
            answer = await self._client.link.unary(
                self._stub.WaitJob, request, timeout=left + _MARGIN_S, safe=True
            )
            if self._heard(answer.job).state.done:
                return answer.job
            if loop.time() >= ends:
                said = f"the job is {self.info.state.value} after {timeout} s"
                raise DeadlineExceeded("DEADLINE_EXCEEDED", said)

    def _heard(self, job: job_pb2.Job) -> JobInfo:
        self.info = JobInfo.read(job)
        return self.info
