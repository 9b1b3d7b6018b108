"""Metrics of jobs: what was handed in, what waits, what became of it, and how long it took.

Rules: what happened is counted by the gateway that did it, since its start; what waits and runs is
everybody's on this database, looked at every LOOK_S by the runner's sweep and at no scrape. Labels
are states and ends of attempts, never a tenant or an algorithm.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from edgemesh.compute.v1 import job_pb2
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.jobs.verdict import Verdict
from edgemesh_gateway.store.job_terms import Ended, Standing

LOOK_S = 2.0
_SECONDS = (0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
_QUEUED, _RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
_STATES: dict[int, str] = {
    number: name.removeprefix("JOB_STATE_").lower() for name, number in job_pb2.JobState.items()
}
_ONGOING = (_QUEUED, _RUNNING)


class Figures:
    """The figures of one gateway's jobs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accepted = Counter(
            "edgemesh_jobs_accepted",
            "Jobs that this gateway has taken; the same one again is not counted",
            registry=registry,
        )
        self._now = Gauge(
            "edgemesh_jobs",
            "Jobs in the database that are queued, and running",
            ("state",),
            registry=registry,
        )
        self._oldest = Gauge(
            "edgemesh_jobs_oldest_waiting_seconds",
            "Since when the job that was handed in first of those queued waits; 0: none does",
            registry=registry,
        )
        self._ended = Counter(
            "edgemesh_jobs_ended",
            "Jobs that this gateway has brought to an end",
            ("state",),
            registry=registry,
        )
        self._attempts = Counter(
            "edgemesh_job_attempts",
            "Attempts that ended here: the job `ended`, runs `again`, or `later` as no attempt",
            ("end",),
            registry=registry,
        )
        self._seconds = Histogram(
            "edgemesh_job_seconds",
            "From a job's submission to its end",
            buckets=_SECONDS,
            registry=registry,
        )
        self._takeovers = Counter(
            "edgemesh_job_takeovers",
            "Jobs taken from gateways that did not renew their lease",
            registry=registry,
        )
        self._first_ms: int | None = None
        self._looked = 0.0
        for number, name in _STATES.items():
            if number in _ONGOING:
                self._now.labels(name).set(0)
            elif number:
                self._ended.labels(name)
        for end in ("ended", "again", "later"):
            self._attempts.labels(end)
        self._oldest.set_function(self._waits)

    def accepted(self) -> None:
        """One was taken."""
        self._accepted.inc()

    def attempted(self, verdict: Verdict) -> None:
        """An attempt has ended here."""
        if verdict.state != _QUEUED:
            self._attempts.labels("ended").inc()
        else:
            self._attempts.labels("again" if verdict.counts else "later").inc()

    def ended(self, ends: Iterable[Ended]) -> None:
        """These have ended here."""
        for end in ends:
            self._ended.labels(_STATES[end.state]).inc()
            self._seconds.observe(max(0, end.ended_ms - end.created_ms) / 1e3)

    def taken_over(self, jobs: int) -> None:
        """So many were another's."""
        self._takeovers.inc(jobs)

    def due(self) -> bool:
        """Whether it is time to look at the database again."""
        return time.monotonic() - self._looked >= LOOK_S

    def stand(self, standing: Standing) -> None:
        """What waits and runs now."""
        self._looked = time.monotonic()
        self._now.labels(_STATES[_QUEUED]).set(standing.queued)
        self._now.labels(_STATES[_RUNNING]).set(standing.running)
        self._first_ms = standing.first_ms

    def _waits(self) -> float:
        first = self._first_ms
        return 0.0 if first is None else max(0, now_ms() - first) / 1e3
