"""What a caller submits, checked and made a record.

Rules: the work itself is taken from the message as bytes and read by `admit` alone, as a call's is;
all that is wrong with the rest is said at once. Two submissions of one request id are compared by
meaning, not by bytes: maps have no order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from edgemesh.compute.v1 import compute_pb2, job_pb2

from edgemesh_gateway.admit import Permit
from edgemesh_gateway.jobs import ids
from edgemesh_gateway.store.job_records import JobRecord
from mesh_service import errors, stack
from mesh_service.errors import Violation

ATTEMPTS, MOST_ATTEMPTS = 3, 100
MOST_MS = 10 * 365 * 24 * 3600 * 1000
OPTIONS = ("max_attempts", "attempt_timeout_ms", "timeout_ms", "ttl_ms", "webhook")
_SHOWN = {"ttl_ms": "result_ttl_ms", "webhook": "webhook.url"}


class Submission:
    """A SubmitJobRequest, its work unread (`outer`)."""

    def __init__(self, asked: Any, longest_ttl_ms: int, unfit: Callable[[str], str | None]) -> None:
        """`unfit`: what was expected instead of a webhook's URL. Raises InvalidRequest."""
        self.asked: Any = asked
        if violations := list(_violations(self.asked, longest_ttl_ms, unfit)):
            raise errors.InvalidRequest(violations)
        self.work: bytes = self.asked.request
        """A serialised ComputeRequest."""

    def record(self, permit: Permit, idempotent: bool, default_ttl_ms: int) -> JobRecord:
        """As a job of the permit's tenant."""
        asked, now = self.asked, ids.now_ms()
        return JobRecord(
            id=ids.job_id(now),
            tenant=permit.tenant,
            who=permit.caller.who,
            scopes=json.dumps(permit.caller.scopes),
            request_id=asked.request_id or None,
            algorithm=permit.algorithm,
            namespace=permit.algorithm.partition(".")[0],
            priority=permit.priority,
            state=job_pb2.JOB_STATE_QUEUED,
            idempotent=idempotent,
            max_attempts=asked.max_attempts or ATTEMPTS,
            created_ms=now,
            deadline_ms=now + asked.timeout_ms if asked.timeout_ms else None,
            timeout_ms=asked.timeout_ms,
            attempt_timeout_ms=asked.attempt_timeout_ms,
            ttl_ms=asked.result_ttl_ms or default_ttl_ms,
            digest=hashlib.sha256(self.work).hexdigest(),
            request=self.work,
            webhook=asked.webhook.url if asked.HasField("webhook") else None,
        )


def differences(one: JobRecord, other: JobRecord, work: bytes, other_work: bytes) -> list[str]:
    """The fields in which two submissions differ."""
    found = [_SHOWN.get(n, n) for n in OPTIONS if getattr(one, n) != getattr(other, n)]
    if one.digest == other.digest:
        return found
    left, right = (compute_pb2.ComputeRequest.FromString(each) for each in (work, other_work))
    for field in left.DESCRIPTOR.fields:
        mine, its = getattr(left, field.name), getattr(right, field.name)
        if mine == its:
            continue
        if field.name == "inputs":
            names = sorted(set(mine) | set(its))
            found += [
                f"request.inputs.{name}"
                for name in names
                if name not in mine or name not in its or mine[name] != its[name]
            ]
        else:
            found.append(f"request.{field.name}")
    return found


def _violations(
    asked: Any, longest_ttl_ms: int, unfit: Callable[[str], str | None]
) -> Iterator[Violation]:
    if asked.request_id and not stack.valid_request_id(asked.request_id):
        yield Violation("request_id", f"at most {stack.MOST_ID} characters of [A-Za-z0-9._-]")
    if asked.max_attempts > MOST_ATTEMPTS:
        yield Violation("max_attempts", f"at most {MOST_ATTEMPTS}, not {asked.max_attempts}")
    for name in ("attempt_timeout_ms", "timeout_ms"):
        if getattr(asked, name) > MOST_MS:
            yield Violation(name, f"at most {MOST_MS}")
    if asked.result_ttl_ms > longest_ttl_ms:
        yield Violation("result_ttl_ms", f"at most {longest_ttl_ms}, not {asked.result_ttl_ms}")
    if asked.HasField("webhook") and (expected := unfit(asked.webhook.url)) is not None:
        yield Violation("webhook.url", expected)
    if not asked.request:
        yield Violation("request", "required: a ComputeRequest")
