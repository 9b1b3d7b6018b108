"""What became of one request, as a value.

Rules: names, sizes and times; times of a stage are seconds. A value is told once, at the request's
end, by whichever data path answered it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgemesh.compute.v1 import account_pb2, compute_pb2

from edgemesh_gateway.accounting import days
from edgemesh_gateway.accounting.seen import NOTHING, Seen

_OUTCOMES = frozenset(compute_pb2.Outcome.values())


@dataclass(slots=True)  # not frozen, which would double what a call pays for its record
class Happened:
    """It; never changed."""

    request_id: str
    tenant: str
    method: str
    algorithm: str
    """As it was asked for."""
    ended: float
    """Unix time."""
    total_s: float
    code: str
    reason: str = ""
    executor: str = ""
    replica: str = ""
    queue_s: float = 0.0
    executor_s: float = 0.0
    """For how long it held a slot."""
    received: int = 0
    sent: int = 0
    seen: Seen = NOTHING
    trace_id: str = ""

    @property
    def well(self) -> bool:
        """Whether the work ran to its end."""
        return self.code == "OK" and self.seen.outcome == compute_pb2.OUTCOME_OK

    @property
    def day(self) -> str:
        """The day of UTC on which it ended."""
        return days.of(self.ended)

    def told(self) -> account_pb2.RequestRecord:
        """As the contract has it."""
        seen = self.seen
        outcome = seen.outcome if seen.outcome in _OUTCOMES else 0
        return account_pb2.RequestRecord(
            request_id=self.request_id,
            tenant=self.tenant,
            method=self.method,
            algorithm=self.algorithm,
            ran=seen.algorithm,
            began_ms=int((self.ended - self.total_s) * 1e3),
            total_us=_us(self.total_s),
            queue_us=_us(self.queue_s),
            executor_us=_us(self.executor_s),
            worker_queue_us=seen.queue_us,
            run_us=seen.run_us,
            executor=self.executor,
            replica=self.replica,
            code=self.code,
            reason=self.reason,
            outcome=compute_pb2.Outcome.ValueType(outcome),
            request_bytes=self.received,
            response_bytes=self.sent,
            input_tokens=seen.input_tokens,
            output_tokens=seen.output_tokens,
            trace_id=self.trace_id,
        )


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))
