"""respond: what became of a run, as a ComputeResponse on the wire.

Rules: a worker's bytes are untrusted: a reply that does not parse, or whose tensors contradict
themselves, is a crash; the front, not the worker, says ids, names, times and processes.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgemesh.compute.v1 import compute_pb2
from google.protobuf.message import DecodeError

from mesh_service import errors, tensors
from mesh_service.executor import worker
from mesh_service.executor.validate import Valid
from mesh_service.pool import Done, Verdict

RETRY_LOST_S = 0.5
"""By then the workers are whole again."""

_LIMITED: Mapping[Verdict, tuple[compute_pb2.Outcome.ValueType, str, str]] = {
    Verdict.TIMEOUT: (compute_pb2.OUTCOME_TIMEOUT, "TimeLimit", "run_time_ms"),
    Verdict.MEMORY_LIMIT: (compute_pb2.OUTCOME_MEMORY_LIMIT, "MemoryLimit", "memory_bytes"),
    Verdict.REJECTED: (compute_pb2.OUTCOME_OUTPUT_LIMIT, "OutputLimit", "max_response_bytes"),
}


_OUTCOMES = frozenset(compute_pb2.Outcome.values()) - {compute_pb2.OUTCOME_UNSPECIFIED}


class Printed:
    """What a run printed before it ended, as its events told; bounded by the pool."""

    def __init__(self) -> None:
        self._pieces: tuple[list[str], list[str]] = ([], [])

    def add(self, event: compute_pb2.OutputEvent) -> None:
        """Append what an event says."""
        self._pieces[event.stream == compute_pb2.OUTPUT_STREAM_STDERR].append(event.text)

    @property
    def stdout(self) -> str:
        """All that was printed to stdout."""
        return "".join(self._pieces[False])

    @property
    def stderr(self) -> str:
        """All that was printed to stderr."""
        return "".join(self._pieces[True])


@dataclass(frozen=True, slots=True)
class Identity:
    """What the executor calls itself."""

    name: str
    version: str


def respond(
    valid: Valid, done: Done, printed: Printed, identity: Identity, arrived: float
) -> compute_pb2.ComputeResponse:
    """The response without its outputs' bytes, which are `done.buffers` in sorted order of names.

    `arrived` is when the request came, on time.perf_counter(). Raises InvalidRequest when the
    runner refused its inputs, NotStarted when two workers ended before they took it, Internal when
    it failed by a fault of ours.
    """
    response = _outcome(valid, done, printed, identity.name)
    response.request_id = valid.request.request_id
    response.algorithm = valid.request.algorithm
    response.capabilities[:] = valid.request.capabilities
    usage = response.usage
    usage.queue_us = done.queue_us
    usage.run_us = done.run_us
    usage.cpu_us = done.cpu_us
    usage.peak_memory_bytes = usage.peak_memory_bytes or done.peak_memory
    usage.executor, usage.version = identity.name, identity.version
    usage.executor_pid, usage.worker_pid = os.getpid(), done.worker_pid
    usage.total_us = int((time.perf_counter() - arrived) * 1e6)
    return response


def _outcome(
    valid: Valid, done: Done, printed: Printed, executor: str
) -> compute_pb2.ComputeResponse:
    match done.verdict:
        case Verdict.DONE:
            return _reply(done, valid.request) or _crash(done, printed)
        case Verdict.ERROR:
            raise errors.Internal(done.error_id)
        case Verdict.TIMEOUT | Verdict.MEMORY_LIMIT | Verdict.REJECTED:
            outcome, kind, limit = _LIMITED[done.verdict]
            value = int(getattr(valid.request.limits, limit, valid.max_response_bytes))
            return compute_pb2.ComputeResponse(
                outcome=outcome,
                failure=compute_pb2.Failure(
                    type=kind,
                    message=f"the work passed its {limit} of {value}",
                    signal=done.signal,
                    limit=compute_pb2.Limit(name=limit, value=value),
                ),
                stdout=printed.stdout,
                stderr=printed.stderr,
            )
        case Verdict.CANCELLED:
            return compute_pb2.ComputeResponse(
                outcome=compute_pb2.OUTCOME_CANCELLED,
                failure=compute_pb2.Failure(type="Cancelled", message="the executor was stopped"),
                stdout=printed.stdout,
                stderr=printed.stderr,
            )
        case Verdict.CRASH if not done.started:
            raise errors.NotStarted(executor, RETRY_LOST_S)
        case Verdict.CRASH:
            return _crash(done, printed)


def changed(done: Done) -> memoryview | None:
    """What a session's call has changed, as its worker says; None: nothing is to be kept."""
    stateful = done.verdict is Verdict.DONE and done.header[:1] == worker.STATEFUL
    return done.buffers[-1] if stateful and done.buffers else None


def sent(response: compute_pb2.ComputeResponse) -> list[str]:
    """The outputs whose bytes a worker sends: those that are in no shared memory; sorted."""
    outputs = sorted(response.outputs.items())
    return [name for name, one in outputs if one.WhichOneof("storage") != "shared_memory"]


def _reply(done: Done, request: compute_pb2.ComputeRequest) -> compute_pb2.ComputeResponse | None:
    kind, body = done.header[:1], done.header[1:]
    try:
        if kind == worker.UNUSABLE:
            expected, found = json.loads(body)
            raise errors.UnusableSession(str(expected), str(found))
        if kind == worker.REFUSAL:
            refused = json.loads(body)
            raise errors.InvalidParameter(
                [errors.Violation(str(k), str(v)) for k, v in dict(refused).items()]
            )
        if kind not in (worker.RESPONSE, worker.STATEFUL):
            return None
        response = compute_pb2.ComputeResponse.FromString(body)
    except (DecodeError, ValueError, TypeError, RecursionError):
        return None
    if response.outcome not in _OUTCOMES:
        return None
    if (response.outcome == compute_pb2.OUTCOME_OK) == response.HasField("failure"):
        return None
    names = sent(response)
    buffers = done.buffers if kind == worker.RESPONSE else done.buffers[:-1]
    if len(names) != len(buffers) or not _placed(response, request, names):
        return None
    for name, buffer in zip(names, buffers, strict=True):
        if any(tensors.contradictions(name, response.outputs[name], buffer.nbytes)):
            return None
    return response


def _placed(
    response: compute_pb2.ComputeResponse,
    request: compute_pb2.ComputeRequest,
    elsewhere: Sequence[str],
) -> bool:
    """Whether the other outputs fit where the request wants them; says where that is."""
    for name in response.outputs.keys() - set(elsewhere):
        memory = response.outputs[name].shared_memory
        wanted = request.outputs_to.get(name)
        if wanted is None or memory.size > wanted.size:
            return False
        memory.region, memory.offset = wanted.region, wanted.offset
        if any(tensors.contradictions(name, response.outputs[name], None)):
            return False
    return True


def _crash(done: Done, printed: Printed) -> compute_pb2.ComputeResponse:
    ended = f"by {_name(done.signal)}" if done.signal else f"with status {done.exit_code}"
    return compute_pb2.ComputeResponse(
        outcome=compute_pb2.OUTCOME_CRASH,
        failure=compute_pb2.Failure(
            type="WorkerCrashed",
            message=f"the worker process {done.worker_pid} ended {ended} during the call",
            signal=done.signal,
            exit_code=done.exit_code,
        ),
        stdout=printed.stdout,
        stderr=printed.stderr,
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"
