"""What became of a call that the native data path has answered, as it tells it.

Rules: everything is told afterwards and in batches, with the time at which it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc

from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.accounting.seen import Seen
from mesh_service import logs

if TYPE_CHECKING:
    from edgemesh_datapath._native import Record

    from edgemesh_gateway.audit import Audit
    from mesh_service.metrics import Metrics

CODES = {code.value[0]: code for code in grpc.StatusCode}
_METHODS = ("Compute", "ComputeStream")


def note(record: Record, metrics: Metrics, audit: Audit | None) -> None:
    """Log, count and audit it."""
    stream, number, seconds, ended, request_id, tenant, who, algorithm, reason, message, _ = record
    method, code = _METHODS[stream], CODES[number].name
    metrics.observe(method, code, seconds)
    fields: dict[str, object] = {
        "method": method,
        "code": code,
        "ms": round(seconds * 1e3, 2),
        "request_id": request_id,
        "tenant": tenant,
        "who": who,
        "algorithm": algorithm,
    }
    if reason is not None:
        fields["reason"] = reason
    if audit is not None:
        audit.note(ended, fields)
    if message:
        fields["error"] = message[:256]
    logs.past_event("rpc", ended, fields)


def happened(record: Record, executors: Sequence[tuple[str, Sequence[str]]]) -> Happened:
    """The same for accounts; `executors`: their names, and addresses of their replicas."""
    stream, number, seconds, ended, request_id, tenant, _, algorithm, reason, _, way = record
    place, queued, ran, received, sent, seen = way
    name, address = "", ""
    if place is not None:
        lane, replica = place
        name, addresses = executors[lane]
        address = addresses[replica]
    return Happened(
        request_id=request_id,
        tenant=tenant,
        method=_METHODS[stream],
        algorithm=algorithm,
        ended=ended,
        total_s=seconds,
        code=CODES[number].name,
        reason=reason or "",
        executor=name,
        replica=address,
        queue_s=queued,
        executor_s=ran,
        received=received,
        sent=sent,
        seen=Seen(*seen),
    )
