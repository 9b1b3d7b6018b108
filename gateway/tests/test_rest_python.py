"""REST's routes of users' Python, over a fake executor that runs programs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_executor import FakeExecutor
from house import house, http

ROOT = "/api/v1/python"


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    executor = FakeExecutor(algorithms=("python.run", "python.call"))
    executor.keeps_sessions = False
    executor.program_namespaces = ("python",)
    await executor.start()
    async with (
        house({"fake": executor.port}, rest_port=0, max_environments=1) as gate,
        http(gate.mesh) as client,
    ):
        yield client
    await executor.stop()


async def test_an_algorithm_is_registered_told_executed_and_deleted(
    web: httpx.AsyncClient,
) -> None:
    body = {"name": "double", "code": "def double(n): ...", "parameters_schema": {"type": "object"}}
    made = await web.post(f"{ROOT}/algorithms", json=body)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{ROOT}/algorithms/double"
    assert made.json()["algorithm"]["registration"]["own"] is True
    told = (await web.get(made.headers["location"])).json()
    assert told["code"] == body["code"]
    assert told["algorithm"]["parameters_schema"] == {"type": "object"}
    listed = (await web.get(f"{ROOT}/algorithms")).json()["algorithms"]
    assert [each["algorithm"]["name"] for each in listed] == [
        "python.call",
        "python.double",
        "python.run",
    ]
    run = await web.post(f"{ROOT}/execute", json={"name": "double", "parameters": {"n": 1}})
    assert run.json()["algorithm"] == "python.double"
    assert "code" not in (await web.get(f"{ROOT}/algorithms/run")).json()
    gone = await web.delete(f"{ROOT}/algorithms/double")
    assert gone.json() == {"deleted": ["python.double@1"]}
    missing = await web.get(f"{ROOT}/algorithms/double")
    assert (missing.status_code, missing.json()["reason"]) == (404, "UNKNOWN_ALGORITHM")


@pytest.mark.parametrize(
    ("body", "algorithm"),
    [
        ({"code": "1", "inputs": {"n": 1}}, "python.run"),
        ({"code": "1", "function": "f", "args": [1]}, "python.call"),
    ],
)
async def test_code_is_executed_by_what_it_needs(
    web: httpx.AsyncClient, body: dict[str, object], algorithm: str
) -> None:
    answer = await web.post(f"{ROOT}/execute", json=body)
    assert answer.json()["algorithm"] == algorithm


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": "1", "name": "double"}, "code"),
        ({"code": "1", "version": "2"}, "version"),
        ({"name": "double", "args": [1]}, "args"),
        ({"name": "double", "function": "f"}, "function"),
        ({"code": 1}, "code"),
        ({"code": "1", "tensors": {"x": "t"}}, "tensors.x"),
    ],
    ids=str,
)
async def test_what_means_nothing_is_refused(
    web: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    answer = await web.post(f"{ROOT}/execute", json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["violations"]] == [field]


async def test_an_environment_is_made_told_and_forgotten(web: httpx.AsyncClient) -> None:
    made = await web.post(f"{ROOT}/dependencies", json={"dependencies": ["toolz"]})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    assert (await web.get(path)).json()["lock"] == "toolz==1"
    (listed,) = (await web.get(f"{ROOT}/dependencies")).json()["environments"]
    assert listed["id"] == made.json()["id"]
    over = await web.post(f"{ROOT}/dependencies", json={"dependencies": ["attrs"]})
    assert (over.status_code, over.json()["reason"]) == (429, "QUOTA_EXCEEDED")
    assert (await web.delete(path)).status_code == 204
    assert (await web.get(path)).status_code == 404


async def test_a_model_that_is_not_there_is_named(web: httpx.AsyncClient) -> None:
    assert (await web.get(f"{ROOT}/models")).json() == {"models": []}
    answer = await web.post(f"{ROOT}/models/none", json={})
    assert (answer.status_code, answer.json()["reason"]) == (404, "UNKNOWN_MODEL")


async def test_an_executors_refusal_of_a_session_passes(web: httpx.AsyncClient) -> None:
    answer = await web.post("/api/v1/sessions", json={"session_id": "a"})
    # The fake keeps none: what an executor refuses passes as it is.
    assert answer.status_code == 501
    assert answer.json()["code"] == "UNIMPLEMENTED"
