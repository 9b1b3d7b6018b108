"""Runs what makes images in a worker, as calls that no caller can ask for.

Rules: a worker's answer is untrusted, as any; a failure of the caller's code is told as what is
wrong with the field that it came in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2

from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.executor.respond import Identity, Printed, respond
from mesh_service.executor.run import RETRY_FULL_S
from mesh_service.executor.validate import Valid
from mesh_service.executor.worker import STANDING
from mesh_service.pool import (
    Place,
    PoolClosed,
    PoolFull,
    PoolUnavailable,
    Work,
    WorkerPool,
)

_OUTPUT_BYTES = 4 << 20
_MOST_TRACEBACK = 2000


@dataclass(frozen=True, slots=True)
class Made:
    """What a worker has made."""

    result: Any
    outputs: Mapping[str, bytes]


class Maker:
    """Workers, for the front itself."""

    def __init__(self, settings: PyWasmSettings) -> None:
        self._settings = settings
        self._identity = Identity(settings.service, "")

    async def make(
        self,
        pool: WorkerPool,
        algorithm: str,
        parameters: Mapping[str, Any],
        *,
        field: str,
        inputs: Mapping[str, bytes] | None = None,
        image: Place | None = None,
        run_time_ms: int = 30_000,
    ) -> Made:
        """Run one. `field`: what of the caller's is at fault where it fails.

        Raises InvalidRequest, and NotStarted, QueueFull or ShuttingDown: nothing ran.
        """
        inputs = inputs or {}
        settings = self._settings
        request = compute_pb2.ComputeRequest(
            algorithm=algorithm,
            parameters=json.dumps(parameters),
            limits=compute_pb2.Limits(
                run_time_ms=run_time_ms,
                memory_bytes=settings.max_memory_bytes,
                output_bytes=_OUTPUT_BYTES,
                files_bytes=settings.default_files_bytes,
            ),
        )
        for name, data in inputs.items():
            request.inputs[name].dtype = tensor_pb2.DATA_TYPE_BYTES
            request.inputs[name].shape.append(len(data))
        standing = () if image is None else (image,)
        work = Work(
            header=bytes([STANDING if standing else 0]) + request.SerializeToString(),
            buffers=[*(inputs[name] for name in sorted(inputs)), *standing],
            run_time=run_time_ms / 1e3,
            memory_bytes=2 * settings.max_memory_bytes,
            reply_limit=settings.max_response_bytes,
        )
        valid = Valid(
            request, {}, algorithm_pb2.Algorithm(), 0.1, settings.max_response_bytes, pool
        )
        began = time.perf_counter()
        try:
            async with pool.run(work) as done:
                response = respond(valid, done, Printed(), self._identity, began)
                outputs = {
                    name: bytes(buffer)
                    for name, buffer in zip(sorted(response.outputs), done.buffers, strict=True)
                }
        except PoolFull as error:
            raise errors.QueueFull(error.queue, RETRY_FULL_S) from None
        except PoolUnavailable as error:
            raise errors.NotStarted(settings.service, error.retry_after) from None
        except PoolClosed:
            raise errors.ShuttingDown(settings.service) from None
        if response.outcome != compute_pb2.OUTCOME_OK:
            raise errors.InvalidRequest([Violation(field, told(response))])
        return Made(json.loads(response.result or "null"), outputs)


def told(response: compute_pb2.ComputeResponse) -> str:
    """Why a caller's code failed, in a sentence that begins with what was expected."""
    failure = response.failure
    outcome = compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
    what = f"{failure.type}: {failure.message}"
    if response.outcome != compute_pb2.OUTCOME_EXCEPTION:
        what = f"{outcome}, {what}"
    notes = "".join(f" ({note})" for note in failure.notes)
    trace = failure.traceback[-_MOST_TRACEBACK:].strip()
    return f"code that runs to its end; {what}{notes}" + (f"\n{trace}" if trace else "")
