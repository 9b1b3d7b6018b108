"""Chains through a whole gateway: what one step gives another takes, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import chain_pb2, chain_pb2_grpc, job_pb2, tensor_pb2
from fake_executor import FakeExecutor
from house import PATIENCE_S, House, eventually, house, http, refused, request
from test_job_store import claim, end, record
from test_jobs import LEASE_S, Desk, reason, state
from test_store import database, url

from edgemesh_gateway.jobs.ids import job_id
from edgemesh_gateway.store import ChainStore, Database, JobStore
from edgemesh_gateway.store.chain_records import ChainRecord
from edgemesh_gateway.store.job_ends import NEVER_MS
from edgemesh_gateway.store.job_records import RESPONSE
from edgemesh_gateway.store.job_terms import Change

__all__ = ["database", "url"]
OutputOf, ResultOf = chain_pb2.OutputOf, chain_pb2.ResultOf
QUEUED, CANCELLED = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_CANCELLED


def step(name: str, *after: str, do: str = "echo", **fields: Any) -> chain_pb2.ChainStep:
    job = {k: fields.pop(k) for k in ("idempotent", "result_ttl_ms", "webhook") if k in fields}
    work = fields.pop("work", None) or request(do=do)
    made = job_pb2.SubmitJobRequest(request=work, **job)
    return chain_pb2.ChainStep(name=name, after=after, job=made, **fields)


class Chains(Desk):
    """A gateway's ChainService beside its jobs."""

    def __init__(self, gate: House) -> None:
        super().__init__(gate)
        self.chains: Any = chain_pb2_grpc.ChainServiceStub(gate.channel)

    def handing(self, *steps: chain_pb2.ChainStep, **fields: Any) -> Any:
        asked = chain_pb2.SubmitChainRequest(steps=steps, **fields)
        return self.chains.SubmitChain(asked, timeout=PATIENCE_S)

    async def hand_in(self, *steps: chain_pb2.ChainStep, **fields: Any) -> str:
        return (await self.handing(*steps, **fields)).chain.id

    async def over(self, id: str) -> chain_pb2.Chain:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.chains.WaitChain(chain_pb2.WaitChainRequest(id=id))
                if answer.chain.ended_ms:
                    return answer.chain


def states(chain: chain_pb2.Chain) -> dict[str, str]:
    return {each.name: state(each.job) for each in chain.steps}


async def test_what_one_gives_another_takes(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        desk = Chains(gate)
        data = os.urandom(200_000)  # a file, beside the database
        tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_UINT8, shape=[len(data)], data=data)
        said = request(parameters=json.dumps({"do": "say", "scores": [7, 8], "kept": 1}))
        takes = request(parameters=json.dumps({"do": "say", "kept": 2}))
        id = await desk.hand_in(
            step(
                "last",
                "between",
                work=takes,
                inputs={"y": OutputOf(step="first", output="x")},
                parameters={"score": ResultOf(step="said", pointer="/scores/1")},
            ),
            step("first", work=request(inputs={"x": tensor})),
            step("said", work=said),
            step("between", "first"),
        )
        chain = await desk.over(id)
        assert state_of(chain) == "SUCCEEDED"
        assert [each.name for each in chain.steps] == ["last", "first", "said", "between"]
        jobs = {each.name: each.job for each in chain.steps}
        last = await desk.get(jobs["last"].id)
        assert last.chain == id
        assert json.loads(last.response.result) == {"do": "say", "kept": 2, "score": 8}
        assert {name: t.data for name, t in last.response.outputs.items()} == {"y": data}
        assert last.started_ms >= jobs["between"].ended_ms >= jobs["first"].ended_ms
        assert len({job.expires_ms for job in jobs.values()}) == 1


def state_of(chain: chain_pb2.Chain) -> str:
    return job_pb2.JobState.Name(chain.state).removeprefix("JOB_STATE_")


async def test_one_that_fails_ends_those_after_it_by_its_name(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        desk = Chains(gate)
        id = await desk.hand_in(
            step("far", "near"), step("near", "bad"), step("bad", do="fail"), step("other")
        )
        chain = await desk.over(id)
        ended = dict.fromkeys(("far", "near", "bad"), "FAILED")
        assert states(chain) == {**ended, "other": "SUCCEEDED"}
        assert state_of(chain) == "FAILED"
        jobs = {each.name: await desk.get(each.job.id) for each in chain.steps}
        assert reason(jobs["bad"]) == "INVALID_PARAMETER"
        for name in ("near", "far"):
            assert (reason(jobs[name]), jobs[name].attempts) == ("DEPENDENCY_FAILED", 0)
            assert "step 'bad'" in jobs[name].error.message
            assert jobs["bad"].id in jobs[name].error.message


async def test_what_is_not_given_is_told_with_its_field(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        desk = Chains(gate)
        id = await desk.hand_in(
            step("a", do="say"),
            step("b", inputs={"x": OutputOf(step="a", output="y")}),
            step("c", parameters={"n": ResultOf(step="a", pointer="/none")}),
        )
        chain = await desk.over(id)
        jobs = {each.name: await desk.get(each.job.id) for each in chain.steps}
        assert (reason(jobs["b"]), reason(jobs["c"])) == ("INVALID_TENSOR", "INVALID_PARAMETER")
        assert "inputs.x" in jobs["b"].error.message
        assert "parameters.n" in jobs["c"].error.message


async def test_what_is_wrong_is_told_at_once_and_nothing_is_kept(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, max_waiting_jobs=2) as gate:
        desk = Chains(gate)
        found = await refused(desk.handing(step("a", "b"), step("b", "a"), request_id="r"))
        assert (found.reason, set(found.violations)) == ("INVALID_REQUEST", {"steps[0]"})
        found = await refused(desk.handing(request_id="a b"))
        assert set(found.violations) == {"request_id", "steps"}
        bad = step("a")
        bad.job.max_attempts = 101
        found = await refused(desk.handing(step("x"), bad))
        assert set(found.violations) == {"steps[1].job.max_attempts"}
        found = await refused(desk.handing(step("x"), step("y", work=request("fake.ecco"))))
        assert found.reason == "UNKNOWN_ALGORITHM"
        found = await refused(desk.handing(step("a"), step("b"), step("c")))
        assert (found.reason, found.metadata["limit"]) == ("QUOTA_EXCEEDED", "2")
        assert not (await desk.stub.ListJobs(job_pb2.ListJobsRequest())).jobs
        for method in ("Get", "Wait", "Cancel", "Delete"):
            ask = getattr(chain_pb2, f"{method}ChainRequest")(id="0" * 32)
            found = await refused(getattr(desk.chains, f"{method}Chain")(ask))
            assert (found.reason, found.metadata["chain"]) == ("UNKNOWN_CHAIN", "0" * 32)


async def test_the_same_request_id_is_the_same_chain(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        desk = Chains(gate)
        made = [step("a"), step("b", "a")]
        ids = await asyncio.gather(*(desk.hand_in(*made, request_id="r") for _ in range(10)))
        assert len(set(ids)) == 1
        await desk.over(ids[0])
        assert len(fake.began) == 2
        found = await refused(desk.handing(*made[:1], request_id="r"))
        assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")


async def test_the_whole_is_cancelled_and_forgotten(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        desk = Chains(gate)
        id = await desk.hand_in(step("runs", do="hold"), step("waits", "runs"), step("done"))
        await eventually(lambda: fake.running == 1)
        delete = chain_pb2.DeleteChainRequest(id=id)
        assert (await refused(desk.chains.DeleteChain(delete))).reason == "JOB_NOT_DONE"
        await eventually(lambda: len(fake.began) == 2 or fake.running == 1)
        await desk.chains.CancelChain(chain_pb2.CancelChainRequest(id=id))
        chain = await desk.over(id)
        found = states(chain)
        assert (found["runs"], found["waits"]) == ("CANCELLED", "CANCELLED")
        assert state_of(chain) == "FAILED"
        alone = job_pb2.DeleteJobRequest(id=chain.steps[0].job.id)
        refusal = await refused(desk.stub.DeleteJob(alone))
        assert id in refusal.violations["id"]
        await desk.chains.DeleteChain(delete)
        assert not (await desk.stub.ListJobs(job_pb2.ListJobsRequest())).jobs


async def test_the_next_life_of_a_gateway_goes_on(fake: FakeExecutor, kept: str) -> None:
    given: dict[str, Any] = {"database": kept, "job_lease_s": LEASE_S, "drain_s": 0.1}
    async with house({"fake": fake.port}, **given) as gate:
        id = await Chains(gate).hand_in(
            step("a", do="hold", idempotent=True), step("b", "a", idempotent=True), step("c", "b")
        )
        await eventually(lambda: fake.running == 1)
    fake.release.set()
    async with house({"fake": fake.port}, **given) as gate:
        assert state_of(await Chains(gate).over(id)) == "SUCCEEDED"


async def test_by_rest(fake: FakeExecutor) -> None:
    root = "/api/v1/chains"
    async with house({"fake": fake.port}, rest_port=0) as gate, http(gate.mesh) as web:
        first = {"name": "a", "job": {"algorithm": "fake.echo", "inputs": {"x": [1, 2]}}}
        takes = {"y": {"step": "a", "output": "x"}}
        last = {"name": "b", "job": {"algorithm": "fake.echo"}, "inputs": takes}
        made = await web.post(root, json={"steps": [first, last]})
        assert made.status_code == 201, made.text
        where = made.headers["location"]
        done = (await web.get(f"{where}/wait")).json()
        assert (done["state"], [each["name"] for each in done["steps"]]) == (
            "SUCCEEDED",
            ["a", "b"],
        )
        job = (await web.get(f"/api/v1/jobs/{done['steps'][1]['job']['id']}")).json()
        assert job["response"]["outputs"]["y"]["data"] == [1, 2]
        assert (await web.post(f"{where}/cancel")).json()["state"] == "SUCCEEDED"
        assert (await web.delete(where)).status_code == 204
        assert (await web.get(where)).json()["reason"] == "UNKNOWN_CHAIN"
        bad = await web.post(root, json={"steps": [{**last, "after": ["a"]}]})
        wrong = {each["field"] for each in bad.json()["violations"]}
        assert wrong == {"steps[0].inputs.y.step", "steps[0].after[0]"}


def kept_chain(*needs: tuple[str, ...]) -> tuple[ChainRecord, list[Any]]:
    """A chain of records: each step's name, and those before it."""
    chain = ChainRecord(
        id=job_id(1), tenant="ann", request_id=None, digest="d", state=2, created_ms=1
    )
    jobs = [
        record(
            chain=chain.id,
            step=name,
            needs=json.dumps({"after": after, "inputs": {}, "parameters": {}}) if after else "",
            due_ms=NEVER_MS if after else 0,
        )
        for name, *after in needs
    ]
    return chain, jobs


@pytest.mark.parametrize("round", range(3))
async def test_many_ends_at_once_leave_none_waiting(database: Database, round: int) -> None:
    jobs = JobStore(database, 1000)
    others = [JobStore(database, 1000) for _ in range(4)]
    chains = ChainStore(database, jobs)
    leaves = [(f"s{number}",) for number in range(8)]
    chain, made = kept_chain(*leaves, ("all", *(name for (name,) in leaves)))
    await chains.submit(chain, made)
    taken = (await jobs.claim(claim(places={"cpp": 100}))).jobs
    assert len(taken) == 8
    changes: list[Change] = []
    for job in taken:
        change = end(job)
        fields = {**change.fields, "expires_ms": None, "result_kind": RESPONSE, "result": b""}
        changes.append(
            Change(change.id, change.owner, 1, fields, change.happenings, True, chain.id)
        )
    cancel = chains.cancel("ann", chain.id, 30, b"") if round == 2 else asyncio.sleep(0)
    sweeps = [jobs.sweep("b" * 32, 50, None, b"", b"") for _ in range(4)]
    done = await asyncio.gather(
        *(others[number % 4].change(change) for number, change in enumerate(changes)),
        cancel,
        *sweeps,
    )
    assert all(done[:8])
    if round == 2:
        found = await chains.get("ann", chain.id)
        assert found is not None
        assert found[0].ended_ms > 0 or found[1][-1].state == QUEUED
        return
    (last,) = (await jobs.claim(claim("c" * 32, 60))).jobs
    assert last.step == "all"


async def test_a_chain_is_forgotten_as_a_whole_when_its_time_is_over(database: Database) -> None:
    jobs = JobStore(database, 1000)
    chains = ChainStore(database, jobs)
    chain, made = kept_chain(("a",), ("b", "a"))
    await chains.submit(chain, made)
    await chains.cancel("ann", chain.id, 30, b"")
    found = await chains.get("ann", chain.id)
    assert found is not None
    assert [job.state for job in found[1]] == [CANCELLED, CANCELLED]
    over = 30 + made[0].ttl_ms
    assert found[0].expires_ms == over
    await jobs.sweep("b" * 32, over - 1, None, b"", b"")
    assert await chains.get("ann", chain.id) is not None
    swept = await jobs.sweep("b" * 32, over, None, b"", b"")
    assert len(swept.forgotten) == 2
    assert await chains.get("ann", chain.id) is None
