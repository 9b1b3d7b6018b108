"""The front's side of `edgemesh.call`: a program's call goes to the gateway in its caller's name;
what it asks by `edgemesh.http` goes to `fetching`.

Rules: what a run was granted, how often it may call and until when is known here, from its request,
and never taken from its worker, which may have been broken out of. The ticket that came with the
request (see the gateway) stands for its caller; it stays in this process. What the caller may not
do the gateway refuses as it would refuse the caller. When the run ends or its caller leaves, its
calls are cancelled. Answers to workers never raise: they say what went wrong.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc import status_pb2  # pyright: ignore[reportMissingTypeStubs]

from edgemesh_executor_pywasm import capabilities, questions
from edgemesh_executor_pywasm.fetching import Fetching
from edgemesh_executor_pywasm.refusals import refused
from mesh_service import errors, tracing, translate, wire
from mesh_service.executor import capabilities as names
from mesh_service.executor.validate import Valid
from mesh_service.stack import MOST_ID, REQUEST_ID, Rpc

TICKET = "edgemesh-ticket"
_METHOD = "/edgemesh.compute.v1.ComputeService/Compute"
_OPTIONS = (
    ("grpc.max_receive_message_length", questions.MOST_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
_MOST_CHANNELS = 64
"""Gateways come and go, each with an address of its own."""
_BEHIND_S = 0.25
_LEAST_S = 0.001
_ALLOWED = frozenset(("algorithm", "parameters", "inputs", "capabilities", "limits"))


class Reentry:
    """The way from here back into the mesh."""

    def __init__(self, gateway: str, fetching: Fetching | None = None) -> None:
        """`gateway`: its host:port; empty: there is none, and every call is refused. `fetching`:
        the way out of the mesh; likewise."""
        self.gateway, self.fetching = gateway, fetching
        self._channels: dict[str, grpc.aio.Channel] = {}

    def open(self, valid: Valid, rpc: Rpc) -> names.Opened:
        """What answers the questions of one request."""
        calls = _Calls(self, valid.request, rpc)
        return lambda: _Run(calls).answer

    async def compute(
        self, request: bytes, timeout: float, ticket: str, metadata: tuple[tuple[str, str], ...]
    ) -> bytes:
        """Ask the gateway that issued the ticket. Raises `AioRpcError`, `NotStarted` where none is
        known."""
        if not self.gateway:
            raise errors.NotStarted("gateway", 1.0)
        channel: Any = self._to(ticket.partition("@")[2] or self.gateway)
        ask = channel.unary_unary(_METHOD)  # without serializers: bytes in, bytes out
        answer: bytes = await ask(request, timeout=timeout, metadata=metadata)
        return answer

    def _to(self, gateway: str) -> grpc.aio.Channel:
        """Made on the loop that uses it. One that is forgotten ends with its last call."""
        channel = self._channels.pop(gateway, None)
        if channel is None:
            channel = grpc.aio.insecure_channel(gateway, options=_OPTIONS)
        self._channels[gateway] = channel  # the last used comes last
        if len(self._channels) > _MOST_CHANNELS:
            del self._channels[next(iter(self._channels))]
        return channel

    async def close(self) -> None:
        """Disconnect."""
        if self.fetching is not None:
            await self.fetching.close()
        for channel in self._channels.values():
            await channel.close()


class _Calls:
    """One request's calls; where it is spread over several runs, theirs together."""

    def __init__(self, reentry: Reentry, request: compute_pb2.ComputeRequest, rpc: Rpc) -> None:
        self._reentry = reentry
        self._request = request
        self._rpc = rpc
        self._ticket = rpc.header(TICKET)
        self._trace = tracing.carried()
        self.left = request.limits.calls
        self._made = 0

    async def ask(self, raw: bytes, seconds: float) -> bytes:
        """Make one: the answer to the worker that wants it made."""
        try:
            head, _ = wire.detach(raw)
        except errors.InvalidRequest as error:
            return _told(error)
        if wrong := self._wrong(head):
            return wrong
        timeout = self._timeout(seconds)
        if timeout <= _LEAST_S:
            return _told(errors.DeadlineExceeded("the program's call"))
        priority = compute_pb2.ComputeRequest(priority=self._request.priority)
        try:
            reply = await self._reentry.compute(
                raw + priority.SerializeToString(), timeout, self._ticket, self._metadata()
            )
        except errors.MeshError as error:
            return _told(error)
        except grpc.aio.AioRpcError as error:
            return _failed(error)
        if len(reply) >= questions.MOST_BYTES:
            return _told(errors.PayloadTooLarge(len(reply), questions.MOST_BYTES, "answer"))
        return questions.ANSWERED + reply

    async def fetch(self, question: bytes, seconds: float) -> bytes:
        """Send an HTTP request: likewise."""
        # Behind the program's own time, so that the run ends by that (TIMEOUT), and with it this;
        # before it the program would be told, and end with what it raises.
        timeout = self._timeout(seconds) + _BEHIND_S
        if self._reentry.fetching is None:
            return refused("NOT_GRANTED", "no host was granted")
        answer = await self._reentry.fetching.ask(question, self._request.capabilities, timeout)
        if len(answer) > questions.MOST_BYTES:
            return _told(errors.PayloadTooLarge(len(answer), questions.MOST_BYTES, "answer"))
        return answer

    def _wrong(self, head: compute_pb2.ComputeRequest) -> bytes | None:
        """Why this call is not made."""
        grants = self._request.capabilities
        fields = {field.name for field, _ in head.ListFields()}
        if fields - _ALLOWED or len(UnknownFieldSet(head)):
            return refused("BAD_QUESTION", "the worker's question makes no sense")
        if any(one.HasField("shared_memory") for one in head.inputs.values()):
            return refused("BAD_QUESTION", "the worker's question makes no sense")
        if not capabilities.may_call(grants, head.algorithm):
            wanted = f"call:{head.algorithm.partition('@')[0][:128]}"
            return refused("NOT_GRANTED", f"{wanted} was not granted; granted: {', '.join(grants)}")
        for wanted in head.capabilities:
            if not names.covered(grants, wanted):
                return refused(
                    "NOT_GRANTED", f"{wanted[:128]} cannot be passed on: it was not granted"
                )
        return None

    def _timeout(self, seconds: float) -> float:
        """How long the call may take: the program's time, as far as the worker tells the truth."""
        most = self._request.limits.run_time_ms / 1e3
        left = self._rpc.time_left()
        return min(seconds if seconds > 0 else 0.0, most, most if left is None else left)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        self._made += 1
        name = f"{self._request.request_id}.{self._made}"
        return (
            *(((TICKET, self._ticket),) if self._ticket else ()),
            *(((REQUEST_ID, name),) if len(name) <= MOST_ID else ()),
            *self._trace,
        )


class _Run:
    """The questions of one run, by the numbers that its worker gives them."""

    def __init__(self, calls: _Calls) -> None:
        self._calls = calls
        self._running: dict[int, asyncio.Task[bytes]] = {}

    async def answer(self, question: bytes) -> bytes:
        """Answer a worker."""
        if len(question) < questions.HEAD.size:
            return refused("BAD_QUESTION", "the worker's question makes no sense")
        asked, number, seconds = questions.HEAD.unpack_from(question)
        if asked == questions.FORGET:
            if task := self._running.get(number):
                task.cancel()
            return questions.FORGOTTEN
        if asked not in (questions.CALL, questions.HTTP) or number in self._running:
            return refused("BAD_QUESTION", "the worker's question makes no sense")
        if not self._calls.left:
            return questions.TOO_OFTEN
        self._calls.left -= 1
        made = self._calls.ask if asked == questions.CALL else self._calls.fetch
        work = made(question[questions.HEAD.size :], seconds)
        task = self._running[number] = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            if (own := asyncio.current_task()) and own.cancelling():  # the run has ended
                task.cancel()
                raise
            return questions.FORGOTTEN
        finally:
            self._running.pop(number, None)


def _told(error: errors.MeshError) -> bytes:
    return questions.REFUSED + translate.to_status(error).SerializeToString()


def _failed(error: grpc.aio.AioRpcError) -> bytes:
    """The refusal of a peer, as it is; of gRPC itself, in the mesh's words."""
    for key, value in error.trailing_metadata() or ():
        if key == translate.DETAILS_KEY and isinstance(value, bytes):
            try:
                status_pb2.Status.FromString(value)
            except DecodeError:
                break
            return questions.REFUSED + value
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return _told(errors.DeadlineExceeded("the program's call"))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:  # gRPC's own: longer than may be received
        return refused(
            "PAYLOAD_TOO_LARGE", f"the answer has more than {questions.MOST_BYTES} bytes"
        )
    return _told(errors.NotStarted("gateway", 1.0))
