"""What an attempt's end means: the table, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from edgemesh.compute.v1 import compute_pb2, job_pb2

from edgemesh_gateway.jobs.verdict import (
    LONGEST_PAUSE_MS,
    MOST_UNKNOWN,
    SPENT_PAUSE_MS,
    Facts,
    judge,
)

CRASH, OK = compute_pb2.OUTCOME_CRASH, compute_pb2.OUTCOME_OK
BEGUN = {"begun": True, "max_attempts": 3}
TABLE: list[tuple[dict[str, Any], str, bool]] = [
    ({"outcome": OK}, "SUCCEEDED", True),
    ({"outcome": OK, "late": True}, "SUCCEEDED", True),
    ({"outcome": compute_pb2.OUTCOME_EXCEPTION}, "FAILED", True),
    ({"outcome": compute_pb2.OUTCOME_TIMEOUT}, "FAILED", True),
    ({"outcome": compute_pb2.OUTCOME_TIMEOUT, "late": True}, "EXPIRED", True),
    ({"outcome": CRASH, **BEGUN}, "LOST", True),
    ({"outcome": CRASH, "again": True, **BEGUN}, "QUEUED", True),
    ({"outcome": CRASH, "again": True, "attempt": 3, **BEGUN}, "DEAD", True),
    ({"reason": "EXECUTOR_LOST", **BEGUN}, "LOST", True),
    ({"reason": "EXECUTOR_LOST", "again": True, **BEGUN}, "QUEUED", True),
    ({"reason": "EXECUTOR_LOST", "again": True, "attempt": 3, **BEGUN}, "DEAD", True),
    ({"reason": "NOT_STARTED", **BEGUN}, "QUEUED", False),
    ({"reason": "QUEUE_FULL"}, "QUEUED", False),
    ({"reason": "STORE_AWAY"}, "QUEUED", False),
    ({"reason": "STORAGE_FULL", "attempt": 3}, "QUEUED", False),
    ({"reason": "CANCELLED"}, "QUEUED", False),
    ({"reason": "DEADLINE_EXCEEDED", "late": True}, "EXPIRED", True),
    ({"reason": "UNKNOWN_ALGORITHM"}, "QUEUED", False),
    ({"reason": "UNKNOWN_ALGORITHM", "deferred": MOST_UNKNOWN}, "FAILED", True),
    ({"reason": "INVALID_PARAMETER", **BEGUN}, "FAILED", True),
    ({"reason": "", **BEGUN}, "FAILED", True),
]


@pytest.mark.parametrize(("facts", "state", "counts"), TABLE)
def test_the_table(facts: dict[str, Any], state: str, counts: bool) -> None:
    verdict = judge(Facts(**facts))
    assert job_pb2.JobState.Name(job_pb2.JobState.ValueType(verdict.state)) == f"JOB_STATE_{state}"
    if state == "QUEUED":
        assert verdict.counts is counts
        assert 0 < verdict.pause_ms <= LONGEST_PAUSE_MS


def test_pauses_grow_and_stay_bounded() -> None:
    assert judge(Facts(reason="COMPUTE_SPENT", deferred=40)).pause_ms == SPENT_PAUSE_MS
    pauses = [judge(Facts(reason="NOT_STARTED", deferred=n)).pause_ms for n in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_MS
