"""What became of requests, and what was used: through gRPC and REST, on both data paths."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from edgemesh.compute.v1 import account_pb2, account_pb2_grpc, compute_pb2, job_pb2, job_pb2_grpc
from fake_executor import FakeExecutor
from house import House, Refusal, at, eventually, house, refused, request, tensor
from test_tenants import as_, keys_file

from edgemesh_gateway.accounting import days, seen
from edgemesh_gateway.accounting.accounts import Accounts
from edgemesh_gateway.accounting.book import Book, Of, Used
from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.accounting.ring import Ring
from edgemesh_gateway.accounting.seen import Seen

POLICY = """
[tenants.physics]
scopes = ["*", "admin"]

[tenants.chemistry]
scopes = ["fake.*", "jobs:write"]
"""
NOON = 1_800_000_000.0 // 86_400 * 86_400 + 43_200


class Desk:
    """A gateway and its AccountService."""

    def __init__(self, gate: House) -> None:
        self.gate = gate
        self.stub: Any = account_pb2_grpc.AccountServiceStub(gate.channel)

    async def record(self, request_id: str, **fields: Any) -> account_pb2.RequestRecord:
        """Of a request, as soon as it is told of."""
        asked = account_pb2.GetRequestRequest(request_id=request_id, tenant=fields.get("of", ""))
        who = as_(fields.get("tenant", "chemistry"))
        async with asyncio.timeout(20):
            while True:
                try:
                    answer = await self.stub.GetRequest(asked, metadata=who, timeout=20)
                except grpc.aio.AioRpcError as error:
                    if Refusal(error).reason != "UNKNOWN_REQUEST":
                        raise
                    await asyncio.sleep(0.01)
                else:
                    return answer.request

    async def usage(
        self, by: str = "chemistry", **fields: Any
    ) -> dict[tuple[str, str], account_pb2.UsageRow]:
        asked = account_pb2.GetUsageRequest(**fields)
        answer = await self.stub.GetUsage(asked, metadata=as_(by), timeout=20)
        return {(row.tenant, row.algorithm): row for row in answer.rows}

    def call(self, tenant: str = "chemistry", **fields: Any) -> Any:
        return self.gate.compute.Compute(request(**fields), metadata=as_(tenant), timeout=20)


@pytest.fixture
async def desk(fake: FakeExecutor, tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "policy.toml").write_text(POLICY)
    await fake.offer("fake.echo", "fake.other")
    async with house(
        {"fake": fake.port},
        api_keys=keys_file(tmp_path / "keys.toml"),
        policy=tmp_path / "policy.toml",
        rest_port=0,
    ) as gate:
        yield Desk(gate)


async def test_a_call_is_told_of_with_its_stages(desk: Desk, fake: FakeExecutor) -> None:
    before = time.time() * 1e3
    asked = request(
        algorithm="fake.echo@1",
        request_id="one",
        inputs={"x": tensor()},
        parameters='{"tokens": [7, 9]}',
    )
    answer = await desk.gate.compute.Compute(asked, metadata=as_("chemistry"), timeout=20)
    told = await desk.record("one")
    assert (told.request_id, told.tenant, told.method) == ("one", "chemistry", "Compute")
    assert (told.algorithm, told.ran) == ("fake.echo@1", "fake.echo@1")
    assert (told.executor, told.replica) == ("fake", at(fake.port))
    assert (told.code, told.reason, told.outcome) == ("OK", "", compute_pb2.OUTCOME_OK)
    assert told.request_bytes == asked.ByteSize()
    assert told.response_bytes == answer.ByteSize()
    assert (told.worker_queue_us, told.run_us) == (11, 222)
    assert (told.input_tokens, told.output_tokens) == (7, 9)
    assert before - 1 <= told.began_ms <= time.time() * 1e3
    assert 0 < told.executor_us <= told.total_us
    assert told.queue_us + told.executor_us <= told.total_us
    assert told.trace_id == ""


async def test_a_stream_is_told_of_by_its_last_event(desk: Desk) -> None:
    asked = request(request_id="many", parameters='{"events": 3, "size": 50, "tokens": [1, 3]}')
    call = desk.gate.compute.ComputeStream(asked, metadata=as_("chemistry"), timeout=20)
    sizes = [event.ByteSize() async for event in call]
    told = await desk.record("many")
    assert len(sizes) == 4
    assert (told.method, told.response_bytes) == ("ComputeStream", sum(sizes))
    assert (told.outcome, told.ran) == (compute_pb2.OUTCOME_OK, "fake.echo")
    assert (told.input_tokens, told.output_tokens) == (1, 3)


async def test_refusals_are_told_of_by_their_reason(desk: Desk) -> None:
    cases: tuple[tuple[str, dict[str, Any], str, str, str], ...] = (
        ("none", {"algorithm": "fake.none"}, "NOT_FOUND", "UNKNOWN_ALGORITHM", ""),
        ("bad", {"inputs": {"x": tensor(data=b"")}}, "INVALID_ARGUMENT", "INVALID_TENSOR", ""),
        ("fail", {"do": "fail"}, "INVALID_ARGUMENT", "INVALID_PARAMETER", "fake"),
        ("broken", {"do": "break started"}, "UNAVAILABLE", "EXECUTOR_LOST", "fake"),
    )
    for name, fields, code, reason, executor in cases:
        await refused(desk.call(request_id=name, **fields))
        told = await desk.record(name)
        # What the envelope is refused for is known by the id in the headers alone.
        assert (told.code, told.reason, told.executor) == (code, reason, executor), name
        assert told.outcome == compute_pb2.OUTCOME_UNSPECIFIED
    assert set(await desk.usage()) == {("chemistry", "fake.echo")}


async def test_a_wait_in_the_queue_is_told_apart(desk: Desk, fake: FakeExecutor) -> None:
    holding = [asyncio.ensure_future(desk.call(do="hold")) for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    waiting = asyncio.ensure_future(desk.call(request_id="late"))
    left = desk.call(request_id="left")
    waits = "edgemesh_waiting"
    await eventually(
        lambda: desk.gate.mesh.metrics.registry.get_sample_value(waits, {"executor": "fake"}) == 2
    )
    left.cancel()
    told = await desk.record("left")
    assert (told.code, told.executor, told.executor_us) == ("CANCELLED", "", 0)
    assert told.queue_us > 0 or told.total_us > 0
    began = time.monotonic()
    await asyncio.sleep(0.05)
    fake.release.set()
    await asyncio.gather(*holding, waiting)
    told = await desk.record("late")
    assert 50_000 <= told.queue_us <= told.total_us
    assert told.executor_us < (time.monotonic() - began) * 1e6


async def test_a_tenant_sees_its_own_and_an_admin_all(desk: Desk) -> None:
    await desk.call(request_id="mine")
    await desk.call("physics", request_id="theirs")
    assert (await desk.record("mine", tenant="physics", of="chemistry")).tenant == "chemistry"
    get = desk.stub.GetRequest
    for fields, reason in (
        ({"request_id": "theirs"}, "UNKNOWN_REQUEST"),
        ({"request_id": "theirs", "tenant": "physics"}, "PERMISSION_DENIED"),
        ({"request_id": "mine", "tenant": "nobody"}, "PERMISSION_DENIED"),
        ({"request_id": "a b"}, "INVALID_REQUEST"),
        ({"request_id": ""}, "INVALID_REQUEST"),
        ({"request_id": "a", "tenant": "a/b"}, "INVALID_REQUEST"),
    ):
        asked = account_pb2.GetRequestRequest(**fields)
        refusal = await refused(get(asked, metadata=as_("chemistry"), timeout=20))
        assert refusal.reason == reason, fields
    assert refusal.violations == {"tenant": "1 to 128 characters of [A-Za-z0-9._-], or empty"}
    none = await refused(
        get(account_pb2.GetRequestRequest(request_id="x"), metadata=as_("physics"), timeout=20)
    )
    assert (none.code, none.metadata) == (grpc.StatusCode.NOT_FOUND, {"request_id": "x"})


async def test_usage_adds_up_by_day_tenant_and_algorithm(desk: Desk, fake: FakeExecutor) -> None:
    for number in range(3):
        await desk.call(parameters='{"tokens": [2, 5]}', request_id=f"u{number}")
    await desk.call(algorithm="fake.other@1")
    await refused(desk.call(do="fail"))
    await desk.call("physics")
    await desk.record("u2")
    today = days.of(time.time())

    async def counted() -> dict[tuple[str, str], account_pb2.UsageRow]:
        async with asyncio.timeout(20):
            while True:
                found = await desk.usage("physics", all_tenants=True)
                if sum(row.calls for row in found.values()) == 6:
                    return found

    rows = await counted()
    mine = rows["chemistry", "fake.echo"]
    assert (mine.day, mine.calls, mine.failed) == (today, 4, 1)
    assert (mine.input_tokens, mine.output_tokens) == (6, 15)
    assert mine.request_bytes > 4 * len("fake.echo")
    assert mine.response_bytes > 0
    assert mine.compute_us > 0
    assert rows["chemistry", "fake.other"].calls == rows["physics", "fake.echo"].calls == 1
    assert set(await desk.usage()) == {("chemistry", "fake.echo"), ("chemistry", "fake.other")}
    only = await desk.usage("physics", tenant="chemistry", algorithm="fake.other", from_day=today)
    assert set(only) == {("chemistry", "fake.other")}
    assert not await desk.usage(to_day="2001-01-01")


async def test_usage_is_refused_with_what_was_wrong(desk: Desk) -> None:
    get = desk.stub.GetUsage
    asked = account_pb2.GetUsageRequest(
        tenant="a/b", all_tenants=True, from_day="yesterday", to_day="2026-02-30"
    )
    refusal = await refused(get(asked, metadata=as_("chemistry"), timeout=20))
    assert set(refusal.violations) == {"tenant", "from_day", "to_day"}
    assert refusal.violations["to_day"] == "a day as 2026-01-31"
    asked = account_pb2.GetUsageRequest(from_day="2026-02-02", to_day="2026-02-01")
    refusal = await refused(get(asked, metadata=as_("chemistry"), timeout=20))
    assert refusal.violations == {"from_day": "not after to_day"}
    for asked in (
        account_pb2.GetUsageRequest(all_tenants=True),
        account_pb2.GetUsageRequest(tenant="physics"),
    ):
        refusal = await refused(get(asked, metadata=as_("chemistry"), timeout=20))
        assert refusal.metadata == {"scope": "admin"}


async def test_both_over_rest(desk: Desk) -> None:
    await desk.call(request_id="r1", parameters='{"tokens": [1, 2]}')
    await desk.record("r1")
    base = f"http://{desk.gate.mesh.http_address}/api/v1"
    headers = {"Authorization": "Bearer key-of-chemistry"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as web:
        told = (await web.get(f"{base}/requests/r1")).json()
        assert (told["request_id"], told["outcome"], told["code"]) == ("r1", "OK", "OK")
        assert told["input_tokens"] == 1
        assert told["queue_us"] + told["executor_us"] <= told["total_us"]
        rows = (await web.get(f"{base}/usage", params={"algorithm": "fake.echo"})).json()["rows"]
        assert [(row["tenant"], row["calls"]) for row in rows] == [("chemistry", 1)]
        problem = await web.get(f"{base}/requests/none")
        assert (problem.status_code, problem.json()["reason"]) == (404, "UNKNOWN_REQUEST")
        problem = await web.get(f"{base}/usage", params={"from_day": "x", "all_tenants": "maybe"})
        assert problem.status_code == 400
        # A call over REST is a request like any other.
        answer = await web.post(f"{base}/compute/fake.echo", json={})
        told = (await web.get(f"{base}/requests/{answer.json()['request_id']}")).json()
        assert (told["method"], told["executor"]) == ("Compute", "fake")


async def test_an_attempt_at_a_job_counts_as_a_call(desk: Desk) -> None:
    jobs: Any = job_pb2_grpc.JobServiceStub(desk.gate.channel)
    submitted = await jobs.SubmitJob(
        job_pb2.SubmitJobRequest(request=request()), metadata=as_("chemistry"), timeout=20
    )
    wait = job_pb2.WaitJobRequest(id=submitted.job.id)
    await jobs.WaitJob(wait, metadata=as_("chemistry"), timeout=20)
    told = await desk.record(submitted.job.id)
    assert (told.method, told.outcome) == ("Job", compute_pb2.OUTCOME_OK)
    assert (await desk.usage())["chemistry", "fake.echo"].calls == 1


async def test_usage_outlives_the_gateway(fake: FakeExecutor, kept: str) -> None:
    for _ in range(2):
        async with house({"fake": fake.port}, database=kept) as gate:
            await gate.call()
        # It was stopped, so all is written.
    async with house({"fake": fake.port}, database=kept, request_records=0) as gate:
        assert (await Desk(gate).usage())["local", "fake.echo"].calls == 2
        await gate.call(request_id="gone")
        asked = account_pb2.GetRequestRequest(request_id="gone")
        refusal = await refused(Desk(gate).stub.GetRequest(asked, timeout=20))
        assert refusal.reason == "UNKNOWN_REQUEST"


async def test_who_leaves_while_sums_are_written_has_them_written_once() -> None:
    begun, go, written = asyncio.Event(), asyncio.Event(), Counter[str]()

    class Store:
        shared = False

        async def add(self, used: Mapping[Of, Used], requests: object) -> None:
            begun.set()
            await go.wait()
            written.update({of.tenant: each.calls for of, each in used.items()})

    accounts = Accounts(cast(Any, Store()), most_requests=10, request_s=60.0, usage_days=30)
    accounts.note(happened(executor="fake"))
    leaving = asyncio.create_task(accounts.keep())
    await begun.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    erasing = asyncio.create_task(accounts.erase("ann"))
    await asyncio.sleep(0)
    assert not erasing.done()  # what is being written is in the database before it begins
    go.set()
    await erasing
    await accounts.keep()
    assert list(written.values()) == [1]


def happened(request_id: str = "r", ended: float = NOON, **fields: Any) -> Happened:
    return Happened(request_id, "ann", "Compute", "a.b@1", ended, 0.5, "OK", **fields)


def test_the_ring_is_bounded_in_number_and_age() -> None:
    ring = Ring(3, age_s=10)
    for number in range(5):
        ring.add(happened(str(number), NOON + number))
    assert [ring.find("ann", str(n), NOON) is not None for n in range(5)] == [False] * 2 + [
        True
    ] * 3
    ring.add(happened("2", NOON + 9, reason="again"))
    found = ring.find("ann", "2", NOON + 15)
    assert found is not None
    assert found.reason == "again"
    assert ring.find("ann", "3", NOON + 15) is None
    assert ring.find("bob", "2", NOON) is None
    ring.prune(NOON + 15)
    assert len(ring) == 1
    assert (ring.erase("ann", count_only=True), ring.erase("ann"), len(ring)) == (1, 1, 0)


def test_the_book_counts_what_ran_and_nothing_twice() -> None:
    book = Book()
    book.add(happened())
    assert not book
    ran = Seen(outcome=compute_pb2.OUTCOME_OK, input_tokens=3)
    book.add(happened(executor="e", executor_s=0.25, received=5, sent=7, seen=ran))
    book.add(happened(executor="e", seen=Seen(outcome=compute_pb2.OUTCOME_TIMEOUT)))
    taken = book.take()
    assert taken == {Of("2027-01-15", "ann", "a.b"): Used(2, 1, 250_000, 5, 7, 3, 0)}
    assert not book
    book.add(happened(executor="e", seen=ran))
    book.put_back(taken)
    assert book.take() == {Of("2027-01-15", "ann", "a.b"): Used(3, 1, 250_000, 5, 7, 6, 0)}


def test_what_an_answer_tells_is_read_from_its_head() -> None:
    failure = compute_pb2.Failure(type="E", message="m" * 100, traceback="t" * 500)
    answer = compute_pb2.ComputeResponse(
        request_id="r",
        outcome=compute_pb2.OUTCOME_EXCEPTION,
        failure=failure,
        usage=compute_pb2.Usage(queue_us=5, run_us=1 << 40, input_tokens=7, executor="e"),
        capabilities=["a", "b"],
        algorithm="a.b@1",
        result=json.dumps("x" * 10_000),
    )
    expected = Seen(compute_pb2.OUTCOME_EXCEPTION, "a.b@1", 5, 1 << 40, 7, 0)
    raw = answer.SerializeToString()
    assert seen.answer(raw) == expected
    event = compute_pb2.ComputeEvent(sequence=1 << 40, response=answer)
    assert seen.event(event.SerializeToString()) == expected
    token = compute_pb2.ComputeEvent(sequence=1, token=compute_pb2.TokenEvent(text="t"))
    assert seen.event(token.SerializeToString()) is None
    for end in range(0, len(raw), 7):
        assert seen.answer(raw[:end])[0] in (0, compute_pb2.OUTCOME_EXCEPTION)
    answer.failure.traceback = "t" * seen.HEAD
    assert seen.answer(answer.SerializeToString()) == Seen(compute_pb2.OUTCOME_EXCEPTION)
    for garbage in (b"\xff" * 50, b"\x0a\xff\xff\xff\x7f", b"\x22\x02\xff\xff", b"\x07"):
        assert seen.answer(garbage).outcome == 0
        assert seen.event(garbage) is None


@pytest.mark.parametrize("text", ["2026-1-31", "2026-02-30", "٢٠٢٦-01-01", "", "2026-01-31 "])
def test_what_is_no_day(text: str) -> None:
    assert not days.is_day(text)
