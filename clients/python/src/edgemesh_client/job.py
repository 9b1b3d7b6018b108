"""A job as a future: `AsyncJob`, for callers without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

from edgemesh_client.async_job import AsyncJob, JobEvent
from edgemesh_client.job_kinds import JobInfo
from edgemesh_client.portal import Portal
from edgemesh_client.result import Result


class Job:
    """A job."""

    def __init__(self, portal: Portal, job: AsyncJob) -> None:
        self._portal, self._async = portal, job

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return self._async.id

    @property
    def info(self) -> JobInfo:
        """What was last heard of it."""
        return self._async.info

    def __repr__(self) -> str:
        return repr(self._async).replace("AsyncJob", "Job", 1)

    def _repr_html_(self) -> str:
        return self.info._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def refresh(self) -> JobInfo:
        """What it is now."""
        return self._portal.run(self._async.refresh())

    def done(self) -> bool:
        """Whether it has ended."""
        return self._portal.run(self._async.done())

    def wait(self, timeout: float | None = None) -> JobInfo:
        """Wait until it has ended. Raises DeadlineExceeded after `timeout` seconds."""
        return self._portal.run(self._async.wait(timeout))

    def result(self, timeout: float | None = None, *, check: bool = True) -> Result:
        """Its result, waited for. Raises AlgorithmFailed, and MeshError where it has none."""
        return self._portal.run(self._async.result(timeout, check=check))

    def future(self, *, check: bool = True) -> Future[Result]:
        """Its result as a future, for `concurrent.futures.as_completed` and their like.

        Cancelling the future stops the waiting, not the job.
        """
        return self._portal.begin(self._async.result(check=check))

    def cancel(self) -> JobInfo:
        """Ask for its end."""
        return self._portal.run(self._async.cancel())

    def delete(self) -> None:
        """Forget it, with its result. Raises FailedPrecondition while it has not ended."""
        self._portal.run(self._async.delete())

    def events(self) -> Iterator[JobEvent]:
        """What happened, then what happens, until its end; goes on where a connection broke."""
        return self._portal.each(self._async.events())
