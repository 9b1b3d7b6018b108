"""Runs the jobs: takes those whose turn it is, makes their attempts, keeps what came of them.

Rules: jobs of an executor take all of its slots but one (where it has several), so that a caller
who waits finds one sooner than a job ends; a few more are taken ahead, so that a slot does not wait
for the database. What ended is written again and again until the database takes it or says that
the job is not ours. A lease is renewed while anything is held; who could not renew it in time may
find its jobs with another gateway, and its own ends count no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edgemesh.compute.v1 import compute_pb2, job_pb2
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.chains.giving import Giving
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.jobs import files as kinds
from edgemesh_gateway.jobs.attempt import Attempt, NotOurs, Through, error_bytes, reason_of
from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.jobs.hub import POLL_S, Hub
from edgemesh_gateway.jobs.ids import now_ms, owner_id
from edgemesh_gateway.jobs.verdict import Facts, Verdict, judge
from edgemesh_gateway.store.job_records import ERROR, RESPONSE, JobRecord
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.job_terms import Change, Claim, Ended
from edgemesh_gateway.store.trouble import told
from mesh_service import errors, logs

SWEEP_S = 1.0
AHEAD = 4
"""Jobs taken beyond the slots, at least."""
MARGIN_MS = 50
"""An executor is given a little less than the time that is left."""
PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
LAST_CLAIM_S = 1.0
"""How long a stop waits for jobs that are being taken in this moment."""


class Runner:
    """The jobs of one gateway."""

    def __init__(
        self,
        store: JobStore,
        files: Files,
        hub: Hub,
        executors: Sequence[Executor],
        through: Through,
        send: Any,
        lease_s: float,
        figures: Figures,
        giving: Giving,
    ) -> None:
        """`through`, `send`: the gateway's stages, and its dispatcher's way of streams."""
        self._store, self._files, self._hub = store, files, hub
        self._executors, self._through, self._send = executors, through, send
        self._lease_ms = int(lease_s * 1e3)
        self._figures, self._giving = figures, giving
        self._owner = owner_id()
        self._after = ("", "")
        self._wake = asyncio.Event()
        self._held: Counter[str] = Counter()
        """Executor → jobs that are held for it."""
        self._running: Counter[str] = Counter()
        """… of which have been sent through the stages."""
        self._ready: dict[str, deque[JobRecord]] = {}
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._cancelling: set[str] = set()
        self._leaving = False
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._loops = [
            asyncio.create_task(self._claiming(), name="claim jobs"),
            asyncio.create_task(self._sweeping(), name="sweep jobs"),
            asyncio.create_task(self._files.sweep(self._store.known), name="sweep files"),
        ]

    def wake(self) -> None:
        """There is a job, or room for one."""
        self._wake.set()

    def cancel(self, job: str) -> None:
        """A job's end was asked for; no effect where it runs elsewhere."""
        task = self._attempts.get(job)
        if task is not None:
            self._cancelling.add(job)
            # Not before its first step: without one it would end without a word.
            asyncio.get_running_loop().call_soon(task.cancel)
        elif waiting := self._waiting(lambda each: each.id == job):
            self._cancelling.add(job)
            self._end_waiting(waiting)

    async def close(self, patience_s: float) -> None:
        """Take nothing more, let what runs end, and give the rest back."""
        self._leaving = True
        self.wake()
        if self._loops:  # what it is taking now is given back below
            await asyncio.wait(self._loops[:1], timeout=min(patience_s, LAST_CLAIM_S))
        for loop in self._loops[:1]:
            loop.cancel()
        for waiting in self._ready.values():
            while waiting:
                self._begin(waiting.popleft())  # ends at once: see `_attempt`
        tasks = list(self._attempts.values())
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _claiming(self) -> None:
        pause = PAUSE_S
        while not self._leaving:
            self._wake.clear()
            try:
                taken = await self._claim()
                pause = PAUSE_S
            except SQLAlchemyError as error:
                _complain("jobs cannot be taken", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            if not taken:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()

    async def _claim(self) -> bool:
        if self._store.calm.holds:
            return False
        executors: dict[str, str] = {}
        places: dict[str, int] = {}
        for executor in self._executors:
            if not executor.ready:
                continue
            for namespace in _namespaces(executor):
                executors.setdefault(namespace, executor.name)
            ahead = max(AHEAD, _share(executor))
            places[executor.name] = _share(executor) + ahead - self._held[executor.name]
        if not any(count > 0 for count in places.values()):
            return False
        now = now_ms()
        claim = Claim(self._owner, now, now + self._lease_ms, executors, places, self._after)
        claimed = await self._store.claim(claim)
        self._after = claimed.after
        for job in claimed.jobs:
            name = executors[job.namespace]
            self._held[name] += 1
            self._ready.setdefault(name, deque()).append(job)
            self._hub.notify(job.id)
        for executor in self._executors:
            self._pump(executor)
        return bool(claimed.jobs)

    def _pump(self, executor: Executor) -> None:
        waiting = self._ready.get(executor.name)
        while waiting and self._running[executor.name] < _share(executor):
            self._begin(waiting.popleft(), executor)

    def _waiting(self, which: Callable[[JobRecord], bool]) -> list[tuple[str, JobRecord]]:
        """Those that have been taken and have no place yet, with their executors."""
        all_of = self._ready.items()
        return [(name, job) for name, waiting in all_of for job in waiting if which(job)]

    def _end_waiting(self, jobs: Iterable[tuple[str, JobRecord]]) -> None:
        """Let these end, each by what `_attempt` finds: they have no place to wait for."""
        for name, job in jobs:
            self._ready[name].remove(job)
            self._held[name] -= 1
            self._begin(job)
        self.wake()

    def _begin(self, job: JobRecord, executor: Executor | None = None) -> None:
        task = asyncio.create_task(self._attempt(job, executor), name=f"job {job.id}")
        self._attempts[job.id] = task
        if executor is not None:
            self._running[executor.name] += 1

            def over(_: object, executor: Executor = executor) -> None:
                self._held[executor.name] -= 1
                self.wake()

            task.add_done_callback(over)
        task.add_done_callback(lambda _: self._forget(job.id))

    def _forget(self, job: str) -> None:
        self._attempts.pop(job, None)
        self._cancelling.discard(job)

    async def _attempt(self, job: JobRecord, executor: Executor | None) -> None:
        attempt = Attempt(job, self._through, self._send, self._store.change, self._hub.notify)
        failure: Exception | None = None
        try:
            if self._leaving:
                raise errors.ShuttingDown("gateway")
            if job.id in self._cancelling:
                raise errors.Cancelled
            if _late(job, now_ms()):
                raise errors.DeadlineExceeded("job")
            request = job.request
            if request is None:
                request = await self._files.get(job.id, kinds.REQUEST)
            await attempt.run(await self._giving.whole(job, request))
        except asyncio.CancelledError:
            failure = errors.Cancelled()
        except NotOurs:
            return
        except SQLAlchemyError as error:
            failure = told(error)
        except Exception as error:  # ours too: the job must end
            failure = error
        finally:
            if executor is not None:
                self._running[executor.name] -= 1
                if not self._leaving:
                    self._pump(executor)
        ending = asyncio.ensure_future(self._end(attempt, failure))
        while not ending.done():  # who cancels now comes too late
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                if self._leaving and ending.done():
                    raise
                continue

    async def _end(self, attempt: Attempt, failure: Exception | None) -> None:
        job, response = attempt.job, attempt.response
        late = job.deadline_ms is not None and job.deadline_ms - MARGIN_MS <= now_ms()
        if response is not None:
            failure = None
        if failure is not None and job.id in self._cancelling:
            verdict = Verdict(job_pb2.JOB_STATE_CANCELLED)
        else:
            verdict = judge(
                Facts(
                    outcome=0 if response is None else response.outcome,
                    reason="" if failure is None else reason_of(failure),
                    begun=attempt.begun,
                    again=job.idempotent,
                    attempt=job.attempts,
                    max_attempts=job.max_attempts,
                    deferred=job.deferred,
                    late=late,
                )
            )
        happenings = [*attempt.rest(), attempt.next(verdict.state)]
        fields: dict[str, Any] = {"state": verdict.state, "owner": None}
        fields["last_event"] = attempt.sequence
        if verdict.state == job_pb2.JOB_STATE_QUEUED:
            fields |= {
                "attempts": job.attempts if verdict.counts else job.attempts - 1,
                "deferred": 0 if verdict.counts else job.deferred + 1,
                "due_ms": now_ms() + verdict.pause_ms,
                "begun": False,
            }
        else:
            fields |= await self._result(job, response, failure)
        assert job.owner is not None
        ends = "ended_ms" in fields
        follows = ends and (job.webhook is not None or job.chain is not None)
        change = Change(job.id, job.owner, job.attempts, fields, happenings, follows, job.chain)
        if await self._insist(change):
            self._figures.attempted(verdict)
            if follows:
                self._hub.followed()
                self.wake()
            if ends:
                self._figures.ended([Ended(verdict.state, job.created_ms, fields["ended_ms"])])
        for each in (job.id, job.chain):
            if each is not None:
                self._hub.notify(each)

    async def _result(
        self,
        job: JobRecord,
        response: compute_pb2.ComputeResponse | None,
        failure: Exception | None,
    ) -> dict[str, Any]:
        now = now_ms()
        fields: dict[str, Any] = {
            "ended_ms": now,
            # A chain's are kept until all of them have ended.
            "expires_ms": now + job.ttl_ms if job.chain is None else None,
            "deadline_ms": None,
            "result_kind": ERROR if response is None else RESPONSE,
        }
        if response is None:
            fields["result"] = error_bytes(failure or errors.Internal(job.id[:12]))
            return fields
        raw = response.SerializeToString()
        pause = PAUSE_S
        while True:
            try:
                fields["result"] = await self._files.put(job.id, kinds.RESULT, raw)
                return fields
            except OSError as error:
                _complain("a result cannot be kept yet", error, job=job.id)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _insist(self, change: Change) -> bool:
        """False: it is another's by now, or could not be kept before the gateway ended."""
        pause = PAUSE_S
        while True:
            try:
                return await self._store.change(change)
            except SQLAlchemyError as error:
                _complain("a job's end cannot be kept yet", error, job=change.id)
                if self._leaving:
                    return False  # its lease passes, and another gateway takes it
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _sweeping(self) -> None:
        expired = error_bytes(errors.DeadlineExceeded("job"))
        lost = error_bytes(errors.ExecutorLost("gateway", 0.0))
        every = min(SWEEP_S, self._lease_ms / 3e3)
        while True:
            now = now_ms()
            until = now + self._lease_ms if self._held.total() else None
            try:
                if self._store.calm.holds:
                    await asyncio.sleep(every)
                    continue
                swept = await self._store.sweep(self._owner, now, until, expired, lost)
                if self._figures.due():
                    self._figures.stand(await self._store.standing())
            except SQLAlchemyError as error:
                _complain("jobs cannot be swept", error)
            else:
                self._figures.ended(swept.ends)
                self._figures.taken_over(swept.taken_over)
                for job in swept.cancelling:
                    self.cancel(job)
                self._end_waiting(self._waiting(lambda job, now=now: _late(job, now)))
                for job in swept.ended:
                    self._hub.notify(job)
                if swept.ended:
                    self.wake()
                await self._files.drop(swept.forgotten)
            await asyncio.sleep(every)


def _late(job: JobRecord, now_ms: int) -> bool:
    return job.deadline_ms is not None and job.deadline_ms <= now_ms


def _share(executor: Executor) -> int:
    return max(1, executor.lane.slots - 1)


def _namespaces(executor: Executor) -> set[str]:
    offered = {each.name.partition(".")[0] for each in executor.algorithms}
    return offered | set(executor.program_namespaces)


def _complain(what: str, error: Exception, **more: object) -> None:
    why = str(getattr(error, "orig", None) or error)[:256]
    logs.event(what, level=logging.WARNING, why=why, **more)
