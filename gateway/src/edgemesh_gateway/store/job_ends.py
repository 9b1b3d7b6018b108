"""A job's end, and what follows it in the same transaction: its webhook, and the steps after it.

Rules: called within a transaction that holds the lock of the job's chain, if it is of one (`lock`).
A step that succeeded lets those begin that have all they come after; one that did not ends those
that come after it, near and far, with its name. The jobs of a chain go together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.chain_records import ChainRecord
from edgemesh_gateway.store.job_records import ERROR, JobRecord
from edgemesh_gateway.store.job_rows import LIGHT, row, tell
from edgemesh_gateway.store.job_terms import Happening
from edgemesh_gateway.store.webhook_rows import owe
from mesh_service import errors, translate

NEVER_MS = 1 << 62
"""When a step is due that comes after others."""
QUEUED, RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
SUCCEEDED, FAILED = job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED
ONGOING = (QUEUED, RUNNING)


def lock(session: Session, chains: Iterable[str | None], *, wait: bool = True) -> bool:
    """Lock chains, to end jobs of theirs; False: another has one of them, and we did not wait."""
    wanted = sorted({chain for chain in chains if chain is not None})
    if not wanted:
        return True
    query = select(ChainRecord.id).where(ChainRecord.id.in_(wanted)).order_by(ChainRecord.id)
    locked = session.scalars(query.with_for_update(skip_locked=not wait)).all()
    return len(locked) == len(wanted)


def end(session: Session, job: JobRecord, state: int, error: bytes, now_ms: int) -> None:
    """End a job that is not running here, with `error`."""
    _finish(session, job, state, error, now_ms)
    if job.chain is not None:
        _advance(session, job, now_ms)


def follow(session: Session, job: JobRecord, error: bytes | None, now_ms: int) -> None:
    """A job has ended; `error`: the serialised JobError that is its result, if that is one."""
    owe(session, job, error, now_ms)
    if job.chain is not None:
        _advance(session, job, now_ms)


def end_all(session: Session, chain: str, state: int, error: bytes, now_ms: int) -> list[JobRecord]:
    """End all jobs of a chain that wait, and ask for the end of those that run; all of them."""
    jobs = steps(session, chain, locked=True)
    for job in jobs:
        if job.state == QUEUED:
            _finish(session, job, state, error, now_ms)
        elif job.state == RUNNING:
            job.cancelling = True
    _close(session, chain, jobs, now_ms)
    return jobs


def steps(session: Session, chain: str, *, locked: bool = False) -> list[JobRecord]:
    """The jobs of a chain, in their order, as they are now; `locked`: nobody takes one."""
    session.flush()
    query = select(JobRecord).where(JobRecord.chain == chain).options(*LIGHT)
    query = query.order_by(JobRecord.id).execution_options(populate_existing=True)
    return list(session.scalars(query.with_for_update() if locked else query).all())


def after(job: JobRecord) -> Sequence[str]:
    """The steps that one comes after."""
    needs: Mapping[str, Sequence[str]] = json.loads(job.needs or "{}")
    return needs.get("after", ())


def _finish(session: Session, job: JobRecord, state: int, error: bytes, now_ms: int) -> None:
    job.state, job.owner, job.ended_ms = state, None, now_ms
    job.deadline_ms = None
    job.expires_ms = now_ms + job.ttl_ms if job.chain is None else None
    job.result_kind, job.result = ERROR, error
    job.last_event += 1
    tell(session, [row(job.id, Happening(job.last_event, now_ms, job.attempts, state))])
    owe(session, job, error, now_ms)


def _advance(session: Session, job: JobRecord, now_ms: int) -> None:
    assert job.chain is not None
    jobs = steps(session, job.chain)
    waiting = [each for each in jobs if each.state == QUEUED and each.due_ms == NEVER_MS]
    if job.state == SUCCEEDED:
        good = {each.step for each in jobs if each.state == SUCCEEDED}
        for each in waiting:
            if good.issuperset(after(each)):
                each.due_ms = now_ms
    else:
        failed = errors.DependencyFailed(job.step, job.id, _name(job.state))
        error = translate.to_status(failed).SerializeToString()
        gone, found = {job.step}, True
        while found:
            found = False
            for each in waiting:
                if each.step not in gone and not gone.isdisjoint(after(each)):
                    _finish(session, each, FAILED, error, now_ms)
                    gone.add(each.step)
                    found = True
    _close(session, job.chain, jobs, now_ms)


def _close(session: Session, id: str, jobs: Sequence[JobRecord], now_ms: int) -> None:
    """End a chain whose jobs have ended."""
    if any(job.state in ONGOING for job in jobs):
        return
    chain = session.get_one(ChainRecord, id)
    chain.state = SUCCEEDED if all(job.state == SUCCEEDED for job in jobs) else FAILED
    chain.ended_ms = now_ms
    chain.expires_ms = now_ms + max(job.ttl_ms for job in jobs)
    for job in jobs:
        job.expires_ms = chain.expires_ms


def _name(state: int) -> str:
    return job_pb2.JobState.Name(job_pb2.JobState.ValueType(state)).removeprefix("JOB_STATE_")
