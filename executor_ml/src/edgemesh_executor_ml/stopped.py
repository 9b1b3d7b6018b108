"""Whether a call must stop, and the reply it then gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edgemesh.compute.v1 import compute_pb2

from edgemesh_candle import Interrupted
from mesh_service.executor import Call, Reply


def stopped(call: Call, result: Callable[[], Any] = lambda: None) -> Reply | None:
    """None while the call may go on; otherwise its reply, with the result there is so far."""
    if call.cancelled.is_set():
        return Reply(
            outcome=compute_pb2.OUTCOME_CANCELLED,
            result=result(),
            failure=compute_pb2.Failure(type="Cancelled", message="the caller has gone"),
        )
    if time.monotonic() >= call.deadline:
        value = call.limits.run_time_ms
        return Reply(
            outcome=compute_pb2.OUTCOME_TIMEOUT,
            result=result(),
            failure=compute_pb2.Failure(
                type="TimeLimit",
                message=f"the work passed its run_time_ms of {value}",
                limit=compute_pb2.Limit(name="run_time_ms", value=value),
            ),
        )
    return None


def interrupted(call: Call, error: Interrupted, result: Callable[[], Any] = lambda: None) -> Reply:
    """The reply of a call whose work was interrupted. Raises `error` where it need not stop."""
    if (reply := stopped(call, result)) is None:
        raise error
    return reply


def going(call: Call) -> Callable[[], bool]:
    """Whether the call may go on, as native code asks it."""
    cancelled, deadline = call.cancelled, call.deadline
    return lambda: not cancelled.is_set() and time.monotonic() < deadline
