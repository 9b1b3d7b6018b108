"""REST: what is computed by it is what gRPC computes, and what is refused is refused likewise."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fake_executor import FakeExecutor
from house import House, eventually, house, http
from test_authenticate import KEYS, entry

ECHO = "/api/v1/compute/fake.echo"
TWIN = "/api/v1/fake/echo"


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def violations(answer: httpx.Response) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {each["field"]: each["expected"] for each in answer.json()["violations"]}


async def test_an_answer_is_the_contracts(web: httpx.AsyncClient, fake: FakeExecutor) -> None:
    answer = await web.post(
        ECHO,
        json={"parameters": {"n": 2**53 + 1}, "inputs": {"x": [[1, 2], [3, 4]]}},
        headers={"Edgemesh-Request-Id": "mine"},
    )
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["request_id"]) == (200, "OK", "mine")
    assert answer.headers["edgemesh-request-id"] == "mine"
    assert answer.headers["edgemesh-outcome"] == "OK"
    assert told["outputs"] == {
        "x": {"dtype": "float64", "shape": [2, 2], "data": [[1.0, 2.0], [3.0, 4.0]]}
    }
    assert fake.began == [""]  # It has the id as metadata, as from gRPC.
    assert told["result"]["edgemesh-request-id"] == "mine"


async def test_nobody_says_by_a_header_what_only_the_mesh_says(web: httpx.AsyncClient) -> None:
    answer = await web.post(
        ECHO, json={}, headers={"Edgemesh-Tenant": "other", "Edgemesh-Ticket": "x", "X-Y": "z"}
    )
    seen = answer.json()["result"]
    assert seen["edgemesh-tenant"] == "local"
    assert not {"edgemesh-ticket", "x-y"} & seen.keys()


@pytest.mark.parametrize("form", ["json", "base64", "npy"])
async def test_every_form_of_a_tensor_goes_out_as_it_came(
    web: httpx.AsyncClient, form: str
) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = {
        "json": {"dtype": "float32", "data": array.tolist()},
        "base64": {
            "dtype": "float32",
            "shape": [2, 3],
            "base64": base64.b64encode(array.tobytes()).decode(),
        },
        "npy": {"npy": base64.b64encode(npy(array)).decode()},
    }[form]
    answer = await web.post(ECHO, params={"tensors": form}, json={"inputs": {"x": given}})
    told = answer.json()["outputs"]["x"]
    field = "data" if form == "json" else form
    assert told.pop("dtype") == "float32"
    assert told.pop("shape") == [2, 3]
    assert told == {field: given[field]}


async def test_files_go_both_ways(web: httpx.AsyncClient) -> None:
    array = np.arange(24, dtype=">i4").reshape(2, 3, 4).transpose(2, 0, 1)  # neither order nor ours
    answer = await web.post(
        ECHO,
        files={"x": ("x.npy", npy(array)), "p": ("p.png", b"\x89PNG", "image/png")},
        data={"request": json.dumps({"parameters": {"n": 1}})},
        headers={"Accept": "multipart/form-data"},
    )
    assert answer.status_code == 200, answer.text
    # Requests and answers are of one form: of what came back only the JSON cannot be sent again.
    again = await web.post(
        ECHO,
        content=answer.content.replace(b'name="response"', b'name="ignored"', 1),
        headers={"Content-Type": answer.headers["content-type"]},
    )
    assert list(violations(again)) == ["ignored"]
    one = await web.post(
        ECHO, files={"x": ("x.npy", npy(array))}, headers={"Accept": "application/x-npy"}
    )
    assert one.headers["content-type"] == "application/x-npy"
    back = np.load(io.BytesIO(one.content))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, array)
    two = await web.post(
        ECHO,
        files={"x": ("x.npy", npy(array)), "p": ("p.png", b"\x89PNG", "image/png")},
        headers={"Accept": "application/x-npy"},
    )
    assert violations(two) == {"output": "one of p, x"}


async def test_a_large_output_comes_as_base64_unless_numbers_are_wanted(
    web: httpx.AsyncClient,
) -> None:
    given = {"x": {"npy": base64.b64encode(npy(np.zeros(65_537, np.uint8))).decode()}}
    answer = await web.post(ECHO, json={"inputs": given})
    assert answer.json()["outputs"]["x"].keys() == {"dtype", "shape", "base64"}
    answer = await web.post(f"{ECHO}?tensors=json", json={"inputs": given})
    assert answer.json()["outputs"]["x"]["data"] == [0] * 65_537


async def test_events_come_one_by_one_and_the_response_last(web: httpx.AsyncClient) -> None:
    body = {"events": 3, "size": 2}
    async with web.stream("POST", TWIN, json=body, headers={"Accept": "text/event-stream"}) as got:
        assert got.headers["content-type"].startswith("text/event-stream")
        text = (await got.aread()).decode()
    events = [dict(line.split(": ", 1) for line in e.splitlines()) for e in text.split("\n\n") if e]
    assert [e["event"] for e in events] == ["progress"] * 3 + ["response"]
    assert [e["id"] for e in events] == ["1", "2", "3", "4"]
    assert json.loads(events[1]["data"]) == {"fraction": 1.0, "message": "xx"}
    assert json.loads(events[3]["data"])["outcome"] == "OK"


async def test_a_refusal_of_a_stream_has_its_status_and_a_late_one_is_its_last_event(
    web: httpx.AsyncClient, fake: FakeExecutor
) -> None:
    sse = {"Accept": "text/event-stream"}
    early = await web.post(TWIN, json={"do": "fail"}, headers=sse)
    assert early.status_code == 400
    assert violations(early) == {"parameters.n": "an integer"}
    late = await web.post(TWIN, json={"do": "fail", "events": 1}, headers=sse)
    assert late.status_code == 200
    kind, data = late.text.strip().split("\n\n")[-1].splitlines()
    assert kind == "event: error"
    problem = json.loads(data.removeprefix("data: "))
    assert (problem["status"], problem["reason"]) == (400, "INVALID_PARAMETER")


async def test_who_leaves_stops_the_work(web: httpx.AsyncClient, fake: FakeExecutor) -> None:
    for number, accept in enumerate(("application/json", "text/event-stream"), 1):
        call = asyncio.create_task(web.post(TWIN, json={"do": "hold"}, headers={"Accept": accept}))
        await eventually(lambda: fake.running == 1)
        call.cancel()
        await asyncio.wait({call})
        await eventually(lambda n=number: fake.cancelled == n)  # type: ignore[misc]


async def test_who_leaves_a_stream_that_has_begun_stops_the_work(
    web: httpx.AsyncClient, fake: FakeExecutor
) -> None:
    body = {"do": "hold unstarted", "events": 1}
    async with web.stream("POST", TWIN, json=body, headers={"Accept": "text/event-stream"}) as got:
        lines = got.aiter_lines()  # an iterator that nobody holds would close the stream
        await anext(lines)
        await eventually(lambda: fake.running == 1)
    await eventually(lambda: fake.cancelled == 1)


@pytest.mark.parametrize("by", ["header", "field"])
async def test_a_deadline_goes_down_and_passes(
    web: httpx.AsyncClient, fake: FakeExecutor, by: str
) -> None:
    headers = {"Edgemesh-Deadline-Ms": "5000"} if by == "header" else {}
    field = {} if by == "header" else {"deadline_ms": 5000}
    answer = await web.post(ECHO, json=field, headers=headers)
    assert 4 < answer.json()["result"]["left"] < 5
    headers = {"Edgemesh-Deadline-Ms": "150"} if by == "header" else {}
    field = {} if by == "header" else {"deadline_ms": 150}
    late = await web.post(ECHO, json={**field, "parameters": {"do": "hold"}}, headers=headers)
    assert late.status_code == 504
    assert late.json()["reason"] == "DEADLINE_EXCEEDED"


async def test_errors_are_grpcs(web: httpx.AsyncClient, gate: House) -> None:
    unknown = (await web.post("/api/v1/compute/fake.ekho", json={})).json()
    refusal = await gate.refusal(algorithm="fake.ekho")
    assert unknown["status"] == 404
    assert unknown["code"] == refusal.code.name
    assert (unknown["reason"], unknown["metadata"]) == (refusal.reason, refusal.metadata)
    assert unknown["detail"] == refusal.message
    plain = (await web.post(TWIN, json={"do": "refuse"})).json()
    assert (plain["status"], plain["code"], plain["detail"]) == (
        429,
        "RESOURCE_EXHAUSTED",
        "too much",
    )


async def test_a_full_queue_says_when_to_come_again(
    web: httpx.AsyncClient, fake: FakeExecutor, gate: House
) -> None:
    held = [asyncio.create_task(web.post(TWIN, json={"do": "hold"})) for _ in range(6)]
    await eventually(
        lambda: (
            gate.mesh.metrics.registry.get_sample_value("edgemesh_waiting", {"executor": "fake"})
            == 4
        )
    )
    answer = await web.post(TWIN, json={})
    assert answer.status_code == 429
    assert answer.json()["reason"] == "QUEUE_FULL"
    assert answer.json()["retry_after_ms"] == 500
    assert answer.headers["retry-after"] == "1"
    fake.release.set()
    assert {each.status_code for each in await asyncio.gather(*held)} == {200}


WRONG: list[tuple[Any, set[str]]] = [
    ({"inputs": {"x": [1, [2]]}}, {"inputs.x"}),
    ({"inputs": {"x": "text", "y": None}}, {"inputs.x", "inputs.y"}),
    ({"inputs": {"x": {"dtype": "int7", "data": []}}}, {"inputs.x.dtype"}),
    ({"inputs": {"x": {"dtype": "uint8", "data": [256]}}}, {"inputs.x.data"}),
    ({"inputs": {"x": {"dtype": "int64", "data": [0.5]}}}, {"inputs.x.data"}),
    ({"inputs": {"x": {"dtype": "complex64", "data": [1, 2, 3]}}}, {"inputs.x.data"}),
    ({"inputs": {"x": {"shape": [3], "data": [1, 2]}}}, {"inputs.x.data"}),
    ({"inputs": {"x": {"dtype": "float32", "base64": "AAAA"}}}, {"inputs.x.shape"}),
    ({"inputs": {"x": {"base64": "%"}}}, {"inputs.x.base64"}),
    ({"inputs": {"x": {"npy": "AAAA"}}}, {"inputs.x.npy"}),
    ({"inputs": {"x": {"data": [1], "npy": ""}}}, {"inputs.x"}),
    ({"inputs": {"x": {"data": [1], "dtyp": ""}}}, {"inputs.x.dtyp"}),
    # What bytes say against a shape is the gateway's own check.
    ({"inputs": {"x": {"dtype": "int8", "shape": [9], "base64": "AAAA"}}}, {"inputs.x.data"}),
    ({"limits": {"calls": -1}, "priority": "high"}, {"limits.calls", "priority"}),
    ({"capabilities": ["ok", 3]}, {"capabilities[1]"}),
    ({"nonsense": 1}, {"nonsense"}),
    ({"request_id": "a b"}, {"request_id"}),
    ({"session_id": "\ud800"}, {"session_id"}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG, ids=str)
async def test_what_is_wrong_is_named(web: httpx.AsyncClient, body: Any, fields: set[str]) -> None:
    answer = await web.post(
        ECHO, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert violations(answer).keys() == fields


@pytest.mark.parametrize(
    "text", ["{", "[]", "\xff", '{"parameters": {"x": NaN}}', "[" * 100_000, "1" * 5000, '"a"']
)
async def test_what_is_no_json_is_refused(web: httpx.AsyncClient, text: str) -> None:
    answer = await web.post(
        ECHO, content=text.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert list(violations(answer)) == ["request"]


async def test_sizes_are_bounded_said_or_not(fake: FakeExecutor) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1024)

    async with (
        house(
            {"fake": fake.port}, max_request_bytes=1 << 20, rest_port=0, rest_max_json_bytes=8192
        ) as gate,
        http(gate.mesh) as web,
    ):
        kind = {"Content-Type": "application/json"}
        said = await web.post(ECHO, content=b"[" + bytes(8192), headers=kind)
        unsaid = await web.post(ECHO, content=pieces(), headers=kind)
        files = await web.post(ECHO, files={"x": ("x", bytes(1 << 21))})
        small = await web.post(ECHO, files={"x": ("x", bytes(9000))})
    assert [said.status_code, unsaid.status_code, files.status_code] == [413] * 3
    assert said.json()["metadata"] == {"size": "8193", "limit": "8192"}
    assert unsaid.json()["reason"] == "PAYLOAD_TOO_LARGE"
    assert small.status_code == 200


async def test_what_only_http_can_get_wrong(web: httpx.AsyncClient) -> None:
    cases = [
        (await web.get("/nothing"), 404, "NO_SUCH_PATH"),
        (await web.put("/livez"), 405, "METHOD_NOT_ALLOWED"),
        (await web.post(ECHO, content=b"x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            await web.post(ECHO, json={}, headers={"Accept": "image/png"}),
            406,
            "NOT_ACCEPTABLE",
        ),
        (await web.get("/livez", headers={"Host": "evil.example"}), 421, "HOST_REFUSED"),
        (
            await web.post(ECHO, json={}, headers={"Origin": "https://evil.example"}),
            403,
            "ORIGIN_REFUSED",
        ),
    ]
    for answer, status, reason in cases:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["reason"] == reason
        assert "access-control-allow-origin" not in answer.headers


async def test_an_origin_on_the_list_may_ask(fake: FakeExecutor) -> None:
    lab = "https://lab.example"
    async with (
        house({"fake": fake.port}, rest_port=0, rest_origins=[lab]) as gate,
        http(gate.mesh, Origin=lab) as web,
    ):
        answer = await web.post(ECHO, json={})
        assert answer.headers["access-control-allow-origin"] == lab
        asked = {"Access-Control-Request-Method": "POST"}
        assert (await web.options(ECHO, headers=asked)).status_code == 200
        refused = await web.post(ECHO, json={}, headers={"Origin": "https://other.example"})
        assert refused.status_code == 403


async def test_keys_name_tenants(fake: FakeExecutor, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text("".join(entry(tenant, key) for tenant, key in KEYS.items()))
    async with (
        house({"fake": fake.port}, rest_port=0, api_keys=keys) as gate,
        http(gate.mesh) as web,
    ):
        for tenant, key in KEYS.items():
            answer = await web.post(ECHO, json={}, headers={"Authorization": f"Bearer {key}"})
            assert answer.json()["result"]["edgemesh-tenant"] == tenant
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for path in (ECHO, TWIN):
                answer = await web.post(path, json={}, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["reason"] == "UNAUTHENTICATED"
        assert (await web.get("/livez")).status_code == 200


async def test_what_runs_is_finished_when_the_gateway_stops(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, rest_port=0, drain_s=20.0) as gate:
        web = http(gate.mesh)
        assert (await web.get("/readyz")).json() == {"status": "ready"}
        running = asyncio.create_task(web.post(TWIN, json={"do": "hold"}))
        await eventually(lambda: fake.running == 1)
        stopping = asyncio.create_task(gate.mesh.stop())
        await eventually(lambda: not gate.mesh.serving)
        assert (await web.get("/readyz")).status_code == 503
        late = await web.post(TWIN, json={})
        assert (late.status_code, late.json()["reason"]) == (503, "SHUTTING_DOWN")
        assert not stopping.done()
        fake.release.set()
        assert (await running).json()["outcome"] == "OK"
        await stopping
        await web.aclose()
