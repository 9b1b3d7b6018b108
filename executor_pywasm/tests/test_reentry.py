"""What a worker that has been broken out of can have of its front: nothing that was not granted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_executor_pywasm import questions, refusals
from edgemesh_executor_pywasm.reentry import TICKET, Reentry
from mesh_service.executor.capabilities import Answer
from mesh_service.executor.validate import Valid
from mesh_service.stack import Rpc

Request = compute_pb2.ComputeRequest
Response = compute_pb2.ComputeResponse


class Gateway:
    """Keeps what it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, dict[str, str | bytes], float]] = []
        self.reply = Response(outcome=compute_pb2.OUTCOME_OK, result="1").SerializeToString()
        self.cancelled = asyncio.Event()
        self.hold = False

    async def compute(self, raw: bytes, context: Any) -> bytes:
        headers = dict(context.invocation_metadata())
        self.asked.append((Request.FromString(raw), headers, context.time_remaining()))
        if self.hold:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return self.reply


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[Gateway, Reentry]]:
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    made = Gateway()
    handler = grpc.unary_unary_rpc_method_handler(made.compute)
    service = "edgemesh.compute.v1.ComputeService"
    handlers = grpc.method_handlers_generic_handler(service, {"Compute": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    reentry = Reentry(f"127.0.0.1:{port}")
    yield made, reentry
    await reentry.close()
    await server.stop(None)


class Context:
    """A call's context, as far as it is asked."""

    def __init__(self, ticket: str) -> None:
        self._ticket = ticket

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return ((TICKET, self._ticket), ("edgemesh-tenant", "physics"))


def opened(
    reentry: Reentry,
    *grants: str,
    calls: int = 10,
    run_time_ms: int = 5_000,
    ticket: str = "t",
) -> Answer:
    context: Any = Context(ticket)
    request = Request(
        request_id="outer",
        capabilities=grants,
        priority=compute_pb2.PRIORITY_BATCH,
        limits=compute_pb2.Limits(calls=calls, run_time_ms=run_time_ms),
    )
    valid: Any = type("", (), {"request": request})
    checked: Valid = valid
    return reentry.open(checked, Rpc("Execute", context))()


def question(request: Request, number: int = 1, seconds: float = 3.0) -> bytes:
    return questions.HEAD.pack(questions.CALL, number, seconds) + request.SerializeToString()


def reason(answer: bytes) -> str:
    assert answer[:1] == questions.REFUSED
    return str(refusals.told(answer[1:])["reason"])


async def test_of_several_gateways_the_one_that_issued_the_ticket_is_asked(
    gateway: tuple[Gateway, Reentry],
) -> None:
    made, reentry = gateway
    elsewhere = Reentry("127.0.0.1:1")  # nobody is there
    ticket = f"t@{reentry.gateway}"
    answer = opened(elsewhere, "call:*", ticket=ticket)
    reply = await answer(question(Request(algorithm="cpp.fft")))
    assert reply[:1] == questions.ANSWERED
    ((_, headers, _),) = made.asked
    assert headers[TICKET] == ticket
    await elsewhere.close()


async def test_a_call_goes_in_with_the_ticket_and_the_time_left(
    gateway: tuple[Gateway, Reentry],
) -> None:
    made, reentry = gateway
    answer = opened(reentry, "call:cpp.*")
    found = await answer(question(Request(algorithm="cpp.fft@1", parameters="{}")))
    assert found == questions.ANSWERED + made.reply
    (asked, headers, left), *_ = made.asked
    assert (asked.algorithm, asked.priority) == ("cpp.fft@1", compute_pb2.PRIORITY_BATCH)
    assert (headers[TICKET], headers["edgemesh-request-id"]) == ("t", "outer.1")
    assert "edgemesh-tenant" not in headers
    assert left < 3.01
    await answer(question(Request(algorithm="cpp.fft"), seconds=1e300))
    assert made.asked[1][2] < 5.01, "longer than the run may take"


FORGED = {
    "a session": Request(algorithm="cpp.fft", session_id="another's"),
    "a request's id": Request(algorithm="cpp.fft", request_id="x"),
    "a priority": Request(algorithm="cpp.fft", priority=compute_pb2.PRIORITY_REALTIME),
    "shared memory": Request(
        algorithm="cpp.fft",
        inputs={
            "x": tensor_pb2.Tensor(
                dtype=tensor_pb2.DATA_TYPE_INT8,
                shape=[1],
                shared_memory=tensor_pb2.SharedMemory(region="r", size=1),
            )
        },
    ),
    "outputs elsewhere": Request(
        algorithm="cpp.fft", outputs_to={"y": tensor_pb2.SharedMemory(region="r", size=1)}
    ),
}


@pytest.mark.parametrize("case", FORGED)
async def test_fields_that_are_not_a_workers_are_refused(
    gateway: tuple[Gateway, Reentry], case: str
) -> None:
    made, reentry = gateway
    answer = opened(reentry, "call:*")
    assert reason(await answer(question(FORGED[case]))) == "BAD_QUESTION"
    assert not made.asked


@pytest.mark.parametrize(
    ("grants", "request_"),
    [
        (["call:ml.*"], Request(algorithm="cpp.fft")),
        (["candle"], Request(algorithm="ml.generate")),
        (["files:*"], Request(algorithm="cpp.fft")),
        (["call:cpp.fft"], Request(algorithm="cpp.fft2")),
        (["call:python.*"], Request(algorithm="python.run", capabilities=["call:*"])),
        (["call:python.*"], Request(algorithm="python.run", capabilities=["candle"])),
    ],
)
async def test_a_worker_cannot_widen_what_was_granted(
    gateway: tuple[Gateway, Reentry], grants: list[str], request_: Request
) -> None:
    made, reentry = gateway
    assert reason(await opened(reentry, *grants)(question(request_))) == "NOT_GRANTED"
    assert not made.asked


async def test_garbage_never_raises(gateway: tuple[Gateway, Reentry]) -> None:
    _, reentry = gateway
    answer = opened(reentry, "call:*", calls=10_000)
    chance = random.Random(5)
    for _ in range(300):
        raw = chance.randbytes(chance.randrange(60))
        head = questions.HEAD.pack(chance.randrange(4), chance.randrange(3), 1.0)
        for text in (raw, head + raw):
            found = await answer(text)
            assert found[:1] in (questions.REFUSED, questions.FORGOTTEN, questions.ANSWERED)


async def test_the_limit_of_calls_is_the_fronts(gateway: tuple[Gateway, Reentry]) -> None:
    _, reentry = gateway
    answer = opened(reentry, "call:*", calls=2)
    found = [(await answer(question(Request(algorithm="a.b"), n)))[:1] for n in range(3)]
    assert found == [questions.ANSWERED, questions.ANSWERED, questions.TOO_OFTEN]


async def test_time_that_is_over(gateway: tuple[Gateway, Reentry]) -> None:
    made, reentry = gateway
    answer = opened(reentry, "call:*")
    for seconds in (0.0, -5.0, float("nan")):
        found = reason(await answer(question(Request(algorithm="a.b"), seconds=seconds)))
        assert found == "DEADLINE_EXCEEDED"
    assert not made.asked
    made.hold = True
    found = reason(await answer(question(Request(algorithm="a.b"), seconds=0.2)))
    assert found == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("way", ["the run ends", "the program forgets it"])
async def test_a_call_is_cancelled(gateway: tuple[Gateway, Reentry], way: str) -> None:
    made, reentry = gateway
    made.hold = True
    answer = opened(reentry, "call:*")
    call = asyncio.ensure_future(answer(question(Request(algorithm="a.b"), 7)))
    async with asyncio.timeout(10):
        while not made.asked:
            await asyncio.sleep(0)
        if way == "the run ends":
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        else:
            await answer(questions.HEAD.pack(questions.FORGET, 7, 0.0))
            assert await call == questions.FORGOTTEN
        await made.cancelled.wait()


async def test_an_answer_that_is_too_long_and_a_gateway_that_is_away(
    gateway: tuple[Gateway, Reentry],
) -> None:
    made, reentry = gateway
    made.reply = Response(result="x" * (17 << 20)).SerializeToString()
    answer = opened(reentry, "call:*")
    assert reason(await answer(question(Request(algorithm="a.b")))) == "PAYLOAD_TOO_LARGE"
    away = Reentry("127.0.0.1:1")
    assert reason(await opened(away, "call:*")(question(Request(algorithm="a.b")))) == "NOT_STARTED"
    await away.close()
    nowhere = opened(Reentry(""), "call:*")
    assert reason(await nowhere(question(Request(algorithm="a.b")))) == "NOT_STARTED"
