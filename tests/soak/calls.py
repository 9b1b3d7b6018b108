"""What callers of a soak do: right requests of every kind, wrong ones, and leaving early.

Rules: each call knows what must come of it; anything else is an error. Right answers are checked by
value, so that one that belongs to another request is seen.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from edgemesh.compute.v1 import (
    account_pb2,
    account_pb2_grpc,
    compute_pb2,
    compute_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
)
from support import rpc
from support.subject import Subject

from edgemesh_local.mesh import Mesh

TIMEOUT_S = 60.0
NOT_THERE = rpc.request("cpp.none")
WRONG = compute_pb2.ComputeRequest(algorithm="cpp.fft", request_id="no id", parameters="[")


class Wrong(Exception):
    """An answer is not what it must be."""


class Calls:
    """One caller's."""

    def __init__(self, mesh: Mesh, subjects: Sequence[Subject]) -> None:
        self._channel = grpc.aio.insecure_channel(mesh.address("gateway"), options=rpc.OPTIONS)
        self._compute: Any = compute_pb2_grpc.ComputeServiceStub(self._channel)
        self._jobs: Any = job_pb2_grpc.JobServiceStub(self._channel)
        self._accounts: Any = account_pb2_grpc.AccountServiceStub(self._channel)
        self._rest, self._subjects = mesh.http("gateway"), subjects
        self._rarely: tuple[tuple[int, Callable[[int], Awaitable[None]]], ...] = (
            (100, self._job),
            (50, self._over_rest),
            (23, self._refused),
            (19, self._left),
            (11, self._streamed),
        )
        """Every so manieth call; the others are plain."""

    async def make(self, number: int) -> None:
        """Make a call. Raises Wrong, AioRpcError, OSError."""
        for every, call in self._rarely:
            if number % every == 0:
                return await call(number)
        subject = self._subjects[number % len(self._subjects)]
        asked = subject.quick(number)
        answer = await self._compute.Compute(asked, timeout=TIMEOUT_S)
        _check(subject, number, answer)
        if number % 499 == 0:
            await self._told(answer.request_id)

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close()

    async def _streamed(self, number: int) -> None:
        subject = self._subjects[number % len(self._subjects)]
        last = None
        async for event in self._compute.ComputeStream(subject.quick(number), timeout=TIMEOUT_S):
            last = event
        if last is None or not last.HasField("response"):
            raise Wrong("a stream without its last event")
        _check(subject, number, last.response)

    async def _job(self, number: int) -> None:
        subject = self._subjects[0]
        asked = job_pb2.SubmitJobRequest(request=subject.quick(number), result_ttl_ms=1000)
        job = (await self._jobs.SubmitJob(asked, timeout=TIMEOUT_S)).job
        wait = job_pb2.WaitJobRequest(id=job.id)
        job = (await self._jobs.WaitJob(wait, timeout=TIMEOUT_S)).job
        if job.state != job_pb2.JOB_STATE_SUCCEEDED:
            raise Wrong(f"a job ended as {job.state}")
        _check(subject, number, job.response)

    async def _over_rest(self, number: int) -> None:
        host, _, port = self._rest.rpartition(":")

        def ask() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_S)
            try:
                body = json.dumps({"inputs": {"x": [number, 0, 0, 0]}})
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/api/v1/compute/cpp.fft", body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        status, body = await asyncio.to_thread(ask)
        if status != 200 or json.loads(body)["outcome"] != "OK":
            raise Wrong(f"REST: {status} {body[:200]!r}")

    async def _refused(self, number: int) -> None:
        asked, code = (
            (WRONG, grpc.StatusCode.INVALID_ARGUMENT)
            if number % 2
            else (NOT_THERE, grpc.StatusCode.NOT_FOUND)
        )
        try:
            await self._compute.Compute(asked, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is not code:
                raise
        else:
            raise Wrong(f"not refused: {asked}")

    async def _left(self, number: int) -> None:
        call = self._compute.Compute(self._subjects[-1].quick(number), timeout=TIMEOUT_S)
        await asyncio.sleep(number % 7 * 0.001)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def _told(self, request_id: str) -> None:
        """What became of a call that has just ended is told within two seconds."""
        asked = account_pb2.GetRequestRequest(request_id=request_id)
        for _ in range(20):
            try:
                told = await self._accounts.GetRequest(asked, timeout=TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                await asyncio.sleep(0.1)
            else:
                if told.request.outcome != compute_pb2.OUTCOME_OK:
                    raise Wrong(f"told otherwise: {told.request}")
                return
        raise Wrong(f"nothing is told of {request_id}")


def _check(subject: Subject, number: int, answer: compute_pb2.ComputeResponse) -> None:
    try:
        subject.check(number, answer)
    except AssertionError as error:
        raise Wrong(f"{subject.name} {number}: {error}"[:300]) from None
