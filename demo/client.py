"""The demo's side of the wire: requests on the generated stubs, timed, and tensors to arrays.

Rules: knows nothing of the steps; a wrong answer is a `Wrong`, raised by whoever finds it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import (
    compute_pb2,
    compute_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    tensor_pb2,
)

PATIENCE_S = 60.0

_DTYPES = {
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_COMPLEX128: np.dtype("<c16"),
}


class Wrong(Exception):
    """A result is not what it must be."""


@dataclass(frozen=True)
class Answer:
    """A response and how long the caller waited for it, in seconds."""

    response: compute_pb2.ComputeResponse
    seconds: float

    @property
    def outcome(self) -> str:
        """`OK`, `TIMEOUT`, …"""
        return compute_pb2.Outcome.Name(self.response.outcome).removeprefix("OUTCOME_")

    @property
    def result(self) -> Any:
        """The JSON result."""
        return json.loads(self.response.result) if self.response.result else None

    def array(self, name: str) -> npt.NDArray[Any]:
        """An output as an array. Raises Wrong if it is not there."""
        if name not in self.response.outputs:
            raise Wrong(f"no output {name!r}, only {sorted(self.response.outputs)}")
        tensor = self.response.outputs[name]
        return np.frombuffer(tensor.data, _DTYPES[tensor.dtype]).reshape(tuple(tensor.shape))

    def demand(self, outcome: str) -> None:
        """Raise Wrong unless it ended so."""
        if self.outcome != outcome:
            failure = self.response.failure
            raise Wrong(
                f"outcome {self.outcome} instead of {outcome}: {failure.type}: {failure.message}"
            )


class Client:
    """A caller of one gateway, with a key where that demands one."""

    def __init__(self, channel: grpc.Channel, key: str = "") -> None:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        self._asked: dict[str, Any] = {"timeout": PATIENCE_S, "metadata": metadata}
        self._compute = compute_pb2_grpc.ComputeServiceStub(channel)
        self._jobs = job_pb2_grpc.JobServiceStub(channel)

    def compute(
        self,
        algorithm: str,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, npt.NDArray[np.float64]] | None = None,
        run_time_s: float = 0.0,
        capabilities: Sequence[str] = (),
    ) -> Answer:
        """One request, one answer. `run_time_s`: the work's deadline, 0: the default.

        `capabilities`: what sandboxed code may reach.
        """
        request = _request(algorithm, parameters, inputs)
        request.capabilities.extend(capabilities)
        request.limits.run_time_ms = round(run_time_s * 1e3)
        began = time.perf_counter()
        response = self._compute.Compute(request, **self._asked)
        return Answer(response, time.perf_counter() - began)

    def stream(
        self,
        algorithm: str,
        parameters: Mapping[str, Any],
        on_event: Callable[[compute_pb2.ComputeEvent], None],
    ) -> Answer:
        """One request; its events as they come, then the answer."""
        began = time.perf_counter()
        response: compute_pb2.ComputeResponse | None = None
        request = _request(algorithm, parameters, None)
        for event in self._compute.ComputeStream(request, **self._asked):
            if response is not None:
                raise Wrong("an event came after the response")
            if event.WhichOneof("event") == "response":
                response = event.response
            else:
                on_event(event)
        if response is None:
            raise Wrong("the stream ended without a response")
        return Answer(response, time.perf_counter() - began)

    def job(
        self,
        algorithm: str,
        parameters: Mapping[str, Any],
        request_id: str,
        on_event: Callable[[job_pb2.JobEvent], None],
    ) -> Answer:
        """Work that is kept until it is done: submitted twice it is one job; then its events."""
        began = time.perf_counter()
        asked = job_pb2.SubmitJobRequest(
            request_id=request_id, idempotent=True, request=_request(algorithm, parameters, None)
        )
        first, again = (self._jobs.SubmitJob(asked, **self._asked).job for _ in range(2))
        if first.id != again.id:
            raise Wrong(f"one request_id, two jobs: {first.id}, {again.id}")
        events = job_pb2.StreamJobEventsRequest(id=first.id)
        for answer in self._jobs.StreamJobEvents(events, **self._asked):
            on_event(answer.event)
        job = self._jobs.GetJob(job_pb2.GetJobRequest(id=first.id), **self._asked).job
        if job.state != job_pb2.JOB_STATE_SUCCEEDED:
            raise Wrong(f"the job is {job_pb2.JobState.Name(job.state)}: {job.error.message}")
        self._jobs.DeleteJob(job_pb2.DeleteJobRequest(id=first.id), **self._asked)
        return Answer(job.response, time.perf_counter() - began)


def _request(
    algorithm: str,
    parameters: Mapping[str, Any] | None,
    inputs: Mapping[str, npt.NDArray[np.float64]] | None,
) -> compute_pb2.ComputeRequest:
    request = compute_pb2.ComputeRequest(
        algorithm=algorithm, parameters=json.dumps(parameters) if parameters else ""
    )
    for name, array in (inputs or {}).items():
        tensor = tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_FLOAT64,
            shape=array.shape,
            data=array.astype("<f8").tobytes(),
        )
        request.inputs[name].CopyFrom(tensor)
    return request
