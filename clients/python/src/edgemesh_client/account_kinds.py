"""What the mesh tells of requests, usage and erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from edgemesh.compute.v1 import account_pb2, compute_pb2

from edgemesh_client.moment import moment


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What became of a request. Times are microseconds."""

    request_id: str
    tenant: str
    method: str
    algorithm: str
    ran: str
    """What ran, with its version."""
    began: dt.datetime
    code: str
    reason: str
    """The mesh's, of a refusal."""
    outcome: str
    """How the work ended; empty where it did not."""
    total_us: int
    queue_us: int
    """How long it waited for a slot."""
    executor_us: int
    """How long it had one."""
    worker_queue_us: int
    run_us: int
    executor: str
    replica: str
    request_bytes: int
    response_bytes: int
    input_tokens: int
    output_tokens: int
    trace_id: str

    @classmethod
    def read(cls, told: account_pb2.RequestRecord) -> RequestInfo:
        """Of the contract's message."""
        name = compute_pb2.Outcome.Name(told.outcome).removeprefix("OUTCOME_")
        return cls(
            told.request_id,
            told.tenant,
            told.method,
            told.algorithm,
            told.ran,
            moment(told.began_ms),
            told.code,
            told.reason,
            name if told.outcome else "",
            told.total_us,
            told.queue_us,
            told.executor_us,
            told.worker_queue_us,
            told.run_us,
            told.executor,
            told.replica,
            told.request_bytes,
            told.response_bytes,
            told.input_tokens,
            told.output_tokens,
            told.trace_id,
        )


@dataclass(frozen=True, slots=True)
class UsageOfDay:
    """What a tenant's calls of one algorithm used on a day of UTC."""

    day: str
    tenant: str
    algorithm: str
    calls: int
    failed: int
    compute_us: int
    """For how long they held slots, in microseconds."""
    request_bytes: int
    response_bytes: int
    input_tokens: int
    output_tokens: int

    @classmethod
    def read(cls, told: account_pb2.UsageRow) -> UsageOfDay:
        """Of the contract's message."""
        return cls(
            told.day,
            told.tenant,
            told.algorithm,
            told.calls,
            told.failed,
            told.compute_us,
            told.request_bytes,
            told.response_bytes,
            told.input_tokens,
            told.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of a tenant, or would be."""

    count: Mapping[str, int]
    """By kind."""
    left: tuple[str, ...]
    """Executors that were away, so that what they keep is still there."""

    @classmethod
    def read(cls, told: account_pb2.EraseTenantResponse) -> Erased:
        """Of the contract's message."""
        return cls(dict(told.erased), tuple(told.left))
