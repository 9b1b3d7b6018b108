"""What a try of a webhook means: one table.

Rules: pure; knows neither store nor network.

    it was answered by …       then
    2xx                        DELIVERED
    410 Gone                   GIVEN_UP: it wants no more
    anything else, nothing     again after a pause, twice as long each time, or as long as
                               Retry-After says; GIVEN_UP where the operator's patience is over then
    it may not be told now     likewise: what an operator has changed may be changed back
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgemesh.compute.v1 import job_pb2

LONGEST_S = 3600.0
"""Between two tries, whatever a host says."""
_GONE = 410


@dataclass(frozen=True, slots=True)
class Try:
    """What is known when a try ends."""

    number: int
    """From 1."""
    age_s: float
    """Since the job's end."""
    status: int = 0
    """Of the answer; 0: there is none."""
    retry_after_s: float | None = None
    chance: float = 0.0
    """From 0 to 1: where in its pause's second half the next try is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of it."""

    state: int
    """A WebhookState; PENDING: it is tried again."""
    pause_s: float = 0.0


def judge(tried: Try, first_s: float, patience_s: float) -> Verdict:
    """The table. `first_s`: the first pause."""
    if 200 <= tried.status < 300:
        return Verdict(job_pb2.WEBHOOK_STATE_DELIVERED)
    pause = min(first_s * math.pow(2, min(tried.number - 1, 32)), LONGEST_S)
    pause *= 1 - tried.chance / 2
    pause = max(pause, min(tried.retry_after_s or 0.0, LONGEST_S))
    if tried.status == _GONE or tried.age_s + pause > patience_s:
        return Verdict(job_pb2.WEBHOOK_STATE_GIVEN_UP)
    return Verdict(job_pb2.WEBHOOK_STATE_PENDING, pause)
