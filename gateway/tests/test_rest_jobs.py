"""Jobs over REST: handed in, waited for, watched, ended and forgotten, as over gRPC."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fake_executor import FakeExecutor
from house import House, eventually

JOBS = "/api/v1/jobs"
ECHO = {"algorithm": "fake.echo"}


async def submitted(web: httpx.AsyncClient, do: str | None = None, **fields: Any) -> str:
    parameters = {} if do is None else {"parameters": {"do": do}}
    answer = await web.post(JOBS, json={**ECHO, **parameters, **fields})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert answer.headers["location"] == f"{JOBS}/{told['id']}"
    return told["id"]


async def ended(web: httpx.AsyncClient, id: str, **query: str) -> dict[str, Any]:
    answer = await web.get(f"{JOBS}/{id}/wait", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, kind and content of each."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def test_a_job_is_kept_and_done(web: httpx.AsyncClient) -> None:
    id = await submitted(web, inputs={"x": [1, 2]}, max_attempts=5, timeout_ms=60_000)
    told = await ended(web, id, tensors="base64")
    assert (told["id"], told["state"], told["attempts"], told["max_attempts"]) == (
        id,
        "SUCCEEDED",
        1,
        5,
    )
    assert (told["algorithm"], told["priority"]) == ("fake.echo", "BATCH")
    assert told["deadline_ms"] == told["created_ms"] + 60_000
    assert told["response"]["outcome"] == "OK"
    assert told["response"]["outputs"]["x"].keys() == {"dtype", "shape", "base64"}
    again = (await web.get(f"{JOBS}/{id}")).json()
    assert again["response"]["outputs"]["x"]["data"] == [1.0, 2.0]
    assert (await web.delete(f"{JOBS}/{id}")).status_code == 204
    gone = await web.get(f"{JOBS}/{id}")
    assert (gone.status_code, gone.json()["reason"]) == (404, "UNKNOWN_JOB")


async def test_a_request_id_is_one_job(web: httpx.AsyncClient) -> None:
    first = await submitted(web, request_id="mine", inputs={"x": [1]})
    assert await submitted(web, request_id="mine", inputs={"x": [1]}) == first
    other = await web.post(JOBS, json={**ECHO, "request_id": "mine", "inputs": {"x": [2]}})
    assert (other.status_code, other.json()["reason"]) == (409, "REQUEST_ID_TAKEN")


async def test_what_happened_comes_as_events_and_goes_on_after_the_last_one_seen(
    web: httpx.AsyncClient,
) -> None:
    id = await submitted(web, parameters={"events": 2})
    answer = await web.get(f"{JOBS}/{id}/events", headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert [content["state"] for _, kind, content in found if kind == "state"] == [
        "QUEUED",
        "RUNNING",
        "SUCCEEDED",
    ]
    work = [content for _, kind, content in found if kind == "progress"]
    assert [(each["fraction"], each["attempt"]) for each in work] == [(0.0, 1), (1.0, 1)]
    for headers, after in (({"Last-Event-ID": "3"}, 0), ({}, 3)):
        rest = await web.get(f"{JOBS}/{id}/events", params={"after": after}, headers=headers)
        assert events(rest.text) == found[3:]
    wrong = await web.get(f"{JOBS}/{id}/events", headers={"Last-Event-ID": "x"})
    assert wrong.json()["violations"] == [
        {"field": "header last-event-id", "expected": "the number of an event"}
    ]
    unknown = await web.get(f"{JOBS}/{'0' * 32}/events")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "UNKNOWN_JOB")


async def test_one_that_runs_is_waited_for_cancelled_and_not_forgotten_before(
    web: httpx.AsyncClient, fake: FakeExecutor
) -> None:
    id = await submitted(web, "hold")
    await eventually(lambda: fake.running == 1)
    assert (await ended(web, id, timeout_ms="20"))["state"] == "RUNNING"
    kept = await web.delete(f"{JOBS}/{id}")
    assert (kept.status_code, kept.json()["reason"]) == (409, "JOB_NOT_DONE")
    asked = await web.post(f"{JOBS}/{id}/cancel")
    assert asked.json()["cancelling"] is True
    told = await ended(web, id)
    assert told["state"] == "CANCELLED"
    assert (told["error"]["status"], told["error"]["reason"]) == (499, "CANCELLED")
    await eventually(lambda: fake.running == 0)


async def test_many_are_found_by_state_algorithm_and_page(
    web: httpx.AsyncClient, fake: FakeExecutor
) -> None:
    done = [await submitted(web) for _ in range(3)]
    for each in done:
        await ended(web, each)
    held = await submitted(web, "hold")
    await eventually(lambda: fake.running == 1)

    async def listed(**query: Any) -> dict[str, Any]:
        answer = await web.get(JOBS, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert [each["id"] for each in (await listed())["jobs"]] == [held, *reversed(done)]
    running = await listed(state=["RUNNING", "QUEUED"])
    assert [each["id"] for each in running["jobs"]] == [held]
    assert (await listed(algorithm="fake.other"))["jobs"] == []
    page = await listed(page_size=2)
    assert [each["id"] for each in page["jobs"]] == [held, done[2]]
    page = await listed(page_size=2, page_token=page["next_page_token"])
    assert [each["id"] for each in page["jobs"]] == [done[1], done[0]]
    wrong = await web.get(JOBS, params={"state": "ASLEEP"})
    assert wrong.status_code == 400
    assert [each["field"] for each in wrong.json()["violations"]] == ["query.state.0"]


@pytest.mark.parametrize(
    ("body", "status", "reason", "fields"),
    [
        ({}, 400, "INVALID_REQUEST", ["algorithm"]),
        ({**ECHO, "max_attempts": 101}, 400, "INVALID_REQUEST", ["max_attempts"]),
        ({**ECHO, "timeout_ms": -1, "much": 1}, 400, "INVALID_REQUEST", ["timeout_ms", "much"]),
        ({**ECHO, "request_id": "a b"}, 400, "INVALID_REQUEST", ["request_id"]),
        (
            {**ECHO, "webhook": {"url": "https://hooks.example/"}},
            400,
            "INVALID_REQUEST",
            ["webhook.url"],
        ),
        ({"algorithm": "fake.ekho"}, 404, "UNKNOWN_ALGORITHM", []),
    ],
)
async def test_what_is_wrong_is_named(
    web: httpx.AsyncClient,
    gate: House,
    body: dict[str, Any],
    status: int,
    reason: str,
    fields: list[str],
) -> None:
    answer = await web.post(JOBS, json=body)
    told = answer.json()
    assert (answer.status_code, told["reason"]) == (status, reason)
    assert [each["field"] for each in told.get("violations", [])] == fields
    assert (await web.get(JOBS)).json() == {"jobs": [], "next_page_token": ""}
