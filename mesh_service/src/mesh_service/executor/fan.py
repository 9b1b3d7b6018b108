"""fan: one request that becomes many, spread over the workers, and one answer again.

Rules: a fan knows what the parts are and what their answers come to; here they run, a few at a
time, in the order of the parts, each in a worker like any other request and beside them. All share
the request's run time and its limits of output; each has the memory limit for itself. A part's
failure is its own. When the caller leaves, all of them are cancelled.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from edgemesh.compute.v1 import compute_pb2

from mesh_service import errors
from mesh_service.executor.capabilities import Opened
from mesh_service.executor.respond import Identity, Printed, respond
from mesh_service.executor.run import RETRY_FULL_S, TENANT, Start
from mesh_service.executor.validate import Valid
from mesh_service.executor.worker import STANDING
from mesh_service.pool import Place, PoolClosed, PoolFull, PoolUnavailable, Work, WorkerPool
from mesh_service.settings import ExecutorSettings
from mesh_service.stack import Rpc

_LEAST_S = 0.001
_AGAIN_S = 0.02
_PROGRESS_S = 0.1

Send = Callable[[compute_pb2.ComputeEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """One of many."""

    algorithm: str
    """With its version; what it is given is not checked against its schema."""
    parameters: dict[str, Any]
    inputs: Sequence[str] = ()
    """Which of the request's inputs it gets."""


class Fan(Protocol):
    """An algorithm that is spread over the workers. Called on the front's loop: it is quick."""

    def split(self, request: compute_pb2.ComputeRequest) -> tuple[Sequence[Part], int]:
        """The parts, and how many may run at once (0: as many as there are workers)."""
        ...

    def join(
        self,
        request: compute_pb2.ComputeRequest,
        answers: Sequence[compute_pb2.ComputeResponse | None],
    ) -> Any:
        """The JSON result of the parts' answers, in their order; None: it did not end in time.

        The outputs of the part number n are among the response's as `n.name`.
        """
        ...


class Spread:
    """The parts of one request on their way."""

    def __init__(
        self,
        pool: WorkerPool,
        settings: ExecutorSettings,
        valid: Valid,
        rpc: Rpc,
        identity: Identity,
        send: Send | None,
        back: Opened | None = None,
        image: Place | None = None,
    ) -> None:
        """`back`: what answers the workers' questions. `image`: what each part stands on."""
        self._back, self._image = back, image
        self._pool, self._settings, self._valid = pool, settings, valid
        self._identity, self._send = identity, send
        self._start = Start(rpc, valid.algorithm.idempotent)
        self._owner = rpc.header(TENANT)
        self._deadline = time.monotonic() + valid.request.limits.run_time_ms / 1e3
        self._room = settings.max_response_bytes
        self._text_room = valid.request.limits.output_bytes
        self._over: tuple[str, int] | None = None
        self._answers: list[compute_pb2.ComputeResponse | None] = []
        self._ended, self._told = 0, time.monotonic()
        self.outputs: dict[str, memoryview] = {}
        """The bytes of all outputs, copied out of the workers' memory."""

    async def run(self, fan: Fan, arrived: float) -> compute_pb2.ComputeResponse:
        """Run all parts; the response without its outputs' bytes. Raises `MeshError`."""
        parts, at_once = fan.split(self._valid.request)
        self._answers = [None] * len(parts)
        numbers = iter(range(len(parts)))

        async def work() -> None:
            for number in numbers:
                if self._over is None and self._deadline - time.monotonic() > _LEAST_S:
                    await self._part(number, parts[number])

        at_once = min(at_once or len(parts), self._settings.workers, len(parts))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
            await self._start.settle()
        except* errors.MeshError as failed:
            await self._start.sent()
            raise _first(failed) from None
        finally:
            self._start.close()
        return self._joined(fan, arrived)

    async def _part(self, number: int, part: Part) -> None:
        whole, image = self._valid.request, self._image
        request = compute_pb2.ComputeRequest(
            request_id=whole.request_id,
            algorithm=part.algorithm,
            parameters=json.dumps(part.parameters),
            limits=whole.limits,
            capabilities=whole.capabilities,
        )
        for name in part.inputs:
            request.inputs[name].CopyFrom(whole.inputs[name])
        while True:
            left = self._deadline - time.monotonic()
            if left <= _LEAST_S:
                return
            request.limits.run_time_ms = max(int(left * 1e3), 1)
            work = Work(
                header=bytes([STANDING * (image is not None)]) + request.SerializeToString(),
                buffers=[
                    *(self._valid.blobs[name] for name in sorted(part.inputs)),
                    *(() if image is None else (image,)),
                ],
                run_time=left,
                grace=self._valid.grace_s,
                memory_bytes=whole.limits.memory_bytes + (0 if image is None else 2 * image.length),
                reply_limit=max(self._room, 1),
                owner=self._owner,
            )
            answer = self._back() if self._back is not None else None
            try:
                async with self._pool.run(
                    work, on_started=self._start.begin, on_call=answer
                ) as done:
                    began = time.perf_counter()
                    valid = replace(self._valid, request=request)
                    answer = respond(valid, done, Printed(), self._identity, began)
                    buffers = [memoryview(bytes(buffer)) for buffer in done.buffers]
                break
            except PoolFull as error:
                if not self._ended:
                    raise errors.QueueFull(error.queue, RETRY_FULL_S) from None
                await asyncio.sleep(_AGAIN_S)
            except PoolUnavailable as error:
                raise errors.NotStarted(self._settings.service, error.retry_after) from None
            except PoolClosed:
                raise errors.ShuttingDown(self._settings.service) from None
        self._keep(number, answer, buffers)
        await self._tell()

    def _keep(
        self, number: int, answer: compute_pb2.ComputeResponse, buffers: Sequence[memoryview]
    ) -> None:
        self._ended += 1
        limits = self._valid.request.limits
        self._text_room -= sum(
            len(text.encode(errors="replace"))
            for text in (answer.stdout, answer.stderr, answer.result)
        )
        self._room -= sum(map(len, buffers))
        if self._text_room < 0:
            self._over = ("output_bytes", limits.output_bytes)
        elif self._room < 0:
            self._over = ("max_response_bytes", self._settings.max_response_bytes)
        else:
            self._answers[number] = answer
            for name, buffer in zip(sorted(answer.outputs), buffers, strict=False):
                self.outputs[f"{number}.{name}"] = buffer

    async def _tell(self) -> None:
        """Tell the caller who listens how far it is, now and then."""
        now = time.monotonic()
        if self._send is None or now - self._told < _PROGRESS_S:
            return
        self._told = now
        await self._start.tell()
        progress = compute_pb2.ProgressEvent(fraction=self._ended / len(self._answers))
        await self._send(compute_pb2.ComputeEvent(progress=progress))

    def _joined(self, fan: Fan, arrived: float) -> compute_pb2.ComputeResponse:
        request = self._valid.request
        answers = [answer for answer in self._answers if answer is not None]
        response = compute_pb2.ComputeResponse(
            request_id=request.request_id,
            algorithm=request.algorithm,
            capabilities=request.capabilities,
            outcome=compute_pb2.OUTCOME_OK,
            result=json.dumps(fan.join(request, self._answers), allow_nan=False),
            stdout="".join(answer.stdout for answer in answers),
            stderr="".join(answer.stderr for answer in answers),
        )
        if self._over is None and len(answers) < len(self._answers):
            self._over = ("run_time_ms", request.limits.run_time_ms)
        if self._over is not None:
            self._fail(response, *self._over)
        for number, answer in enumerate(self._answers):
            for name, output in answer.outputs.items() if answer is not None else ():
                response.outputs[f"{number}.{name}"].CopyFrom(output)
        usage = response.usage
        for answer in answers:
            usage.cpu_us += answer.usage.cpu_us
            usage.fuel += answer.usage.fuel
            usage.run_us += answer.usage.run_us
            usage.input_tokens += answer.usage.input_tokens
            usage.output_tokens += answer.usage.output_tokens
            peak = max(usage.peak_memory_bytes, answer.usage.peak_memory_bytes)
            usage.peak_memory_bytes = peak
            usage.executor_pid = answer.usage.executor_pid
        usage.executor, usage.version = self._identity.name, self._identity.version
        usage.total_us = int((time.perf_counter() - arrived) * 1e6)
        return response

    def _fail(self, response: compute_pb2.ComputeResponse, name: str, value: int) -> None:
        time_is_over = name == "run_time_ms"
        response.outcome = (
            compute_pb2.OUTCOME_TIMEOUT if time_is_over else compute_pb2.OUTCOME_OUTPUT_LIMIT
        )
        response.failure.type = "TimeLimit" if time_is_over else "OutputLimit"
        response.failure.message = (
            f"the work passed its {name} of {value}, when {self._ended} of "
            f"{len(self._answers)} parts had ended"
        )
        response.failure.limit.name, response.failure.limit.value = name, value


def _first(group: BaseExceptionGroup[errors.MeshError]) -> errors.MeshError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, errors.MeshError)
    return error
