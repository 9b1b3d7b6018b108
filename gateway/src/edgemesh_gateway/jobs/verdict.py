"""What the end of an attempt means for its job: one table.

Rules: pure; knows neither store nor transport.

    the attempt came to …                        may run again          may not
    outcome OK                                   SUCCEEDED              SUCCEEDED
    outcome CRASH, or CANCELLED by nobody here   again, else DEAD       LOST
    another outcome                              FAILED                 FAILED
    NOT_STARTED, QUEUE_FULL, SHUTTING_DOWN,      later, as no attempt   later, as no attempt
      a limit of its tenant's policy,
      STORE_AWAY, STORAGE_FULL,
      EXECUTOR_LOST before its slot
    UNKNOWN_ALGORITHM                            later some times, then FAILED: an executor that
                                                 has just come back may not tell all at once
    EXECUTOR_LOST, DEADLINE_EXCEEDED, CANCELLED  again, else DEAD       LOST
    the job's own time is over                   EXPIRED                EXPIRED
    another refusal                              FAILED                 FAILED
"""

from __future__ import annotations

from dataclasses import dataclass

from edgemesh.compute.v1 import compute_pb2, job_pb2

LIMITS = frozenset(("TOO_MANY_AT_ONCE", "RATE_LIMITED", "COMPUTE_SPENT"))
"""Of its tenant's policy: the job waits until it fits in."""
STORE = frozenset(("STORE_AWAY", "STORAGE_FULL"))
"""The database failed before the work was sent: nothing here asks it once it runs."""
NOT_BEGUN = LIMITS | STORE | {"NOT_STARTED", "QUEUE_FULL", "SHUTTING_DOWN"}
CUT_OFF = frozenset(("EXECUTOR_LOST", "DEADLINE_EXCEEDED", "CANCELLED"))
MOST_UNKNOWN = 8
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 50, 5_000
SPENT_PAUSE_MS = 60_000
"""The longest where the tenant's day is spent: each time costs two rows, until midnight."""
_CUT_OFF_OUTCOMES = frozenset((compute_pb2.OUTCOME_CRASH, compute_pb2.OUTCOME_CANCELLED))


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when an attempt ends."""

    outcome: int = 0
    """The response's; 0: there is none."""
    reason: str = ""
    """The error's."""
    begun: bool = False
    """Whether the attempt had its slot."""
    again: bool = False
    """Whether the work may run more than once."""
    attempt: int = 1
    max_attempts: int = 1
    deferred: int = 0
    late: bool = False
    """Whether the job's own time is over."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the job."""

    state: int
    """The state that it comes into; QUEUED: it is tried again."""
    counts: bool = True
    """Whether the attempt was one."""
    pause_ms: int = 0


def judge(facts: Facts) -> Verdict:
    """The table."""
    if facts.outcome == compute_pb2.OUTCOME_OK:
        return Verdict(job_pb2.JOB_STATE_SUCCEEDED)
    if facts.late and (not facts.outcome or facts.outcome == compute_pb2.OUTCOME_TIMEOUT):
        return Verdict(job_pb2.JOB_STATE_EXPIRED)
    if facts.outcome in _CUT_OFF_OUTCOMES:
        return _cut_off(facts)
    if facts.outcome:
        return Verdict(job_pb2.JOB_STATE_FAILED)
    if facts.reason in NOT_BEGUN or (facts.reason in CUT_OFF and not facts.begun):
        return _later(facts)
    if facts.reason == "UNKNOWN_ALGORITHM" and facts.deferred < MOST_UNKNOWN:
        return _later(facts)
    if facts.reason in CUT_OFF:
        return _cut_off(facts)
    return Verdict(job_pb2.JOB_STATE_FAILED)


def _cut_off(facts: Facts) -> Verdict:
    if not facts.again:
        return Verdict(job_pb2.JOB_STATE_LOST)
    if facts.attempt >= facts.max_attempts:
        return Verdict(job_pb2.JOB_STATE_DEAD)
    return Verdict(job_pb2.JOB_STATE_QUEUED, pause_ms=_pause(facts.attempt))


def _later(facts: Facts) -> Verdict:
    longest = SPENT_PAUSE_MS if facts.reason == "COMPUTE_SPENT" else LONGEST_PAUSE_MS
    pause_ms = _pause(facts.deferred + 1, longest)
    return Verdict(job_pb2.JOB_STATE_QUEUED, counts=False, pause_ms=pause_ms)


def _pause(times: int, longest: int = LONGEST_PAUSE_MS) -> int:
    return min(FIRST_PAUSE_MS << min(times, 16), longest)
