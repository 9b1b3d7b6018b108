"""REST by curl, as its documentation shows it: every route's example is a test."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import chosen
from support import testing_plugins

from edgemesh_local.mesh import Mesh

pytestmark = [
    pytest.mark.needs("cpp", "ml", "pywasm"),
    pytest.mark.skipif(
        not (shutil.which("curl") or os.environ.get("CI")), reason="curl is not here"
    ),
]


@pytest.fixture(scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where a mesh of its own serves REST."""
    folder = tmp_path_factory.mktemp("rest")
    settings: dict[str, dict[str, str]] = {
        name: {"WORKERS": "1", "SPARES": "0", **testing_plugins.settings(name)} for name in chosen()
    }
    settings["pywasm"]["SESSION_DIR"] = str(folder / "sessions")
    settings["gateway"] = {"REST_PORT": "0", "DATABASE": f"sqlite:///{folder}/gateway.db"}
    async with Mesh(chosen(), settings=settings) as mesh:
        yield f"http://{mesh.http('gateway')}"


async def curl(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "60", *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


async def post(url: str, body: Any, *words: str) -> Any:
    kind = ("-H", "Content-Type: application/json")
    return json.loads(await curl(url, *kind, "-d", json.dumps(body), *words))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("python/run", {"code": "print(2 + 2)"}, {"stdout": "4\n"}),
        ("python/call", {"code": "f = pow", "function": "f", "args": [2, 5]}, {"result": 32}),
        (
            "python/map",
            {"code": "def f(x): return x * x", "function": "f", "items": [2]},
            {"outcome": "OK"},
        ),
        ("python/execute", {"code": "output = inputs['n']", "inputs": {"n": 3}}, {"result": 3}),
        ("js/run", {"code": "6 * 7"}, {"result": 42}),
        ("compute/python.run", {"parameters": {"code": "1 / 0"}}, {"outcome": "EXCEPTION"}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_python(address: str, path: str, body: Any, expected: dict[str, Any]) -> None:
    told = await post(f"{address}/api/v1/{path}", body)
    assert {name: told.get(name) for name in expected} == expected, told


async def test_cpp(address: str, tmp_path: Path) -> None:
    told = await post(f"{address}/api/v1/cpp/fft", {"x": [0, 1, 0, -1], "norm": "ortho"})
    assert told["outputs"]["y"]["data"] == [[0, 0], [0, -1], [0, 0], [0, 1]], told
    array = np.random.default_rng(1).normal(size=(4, 5))
    np.save(tmp_path / "x.npy", array)
    await curl(
        f"{address}/api/v1/cpp/fft",
        *("-F", f"x=@{tmp_path}/x.npy"),
        *("-H", "Accept: application/x-npy", "-o", f"{tmp_path}/y.npy"),
    )
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.fft.fftn(array), atol=1e-12)
    wrong = await post(f"{address}/api/v1/cpp/fft", {"x": [1, 2], "norm": "none", "axes": [7]})
    assert (wrong["status"], wrong["reason"]) == (400, "INVALID_PARAMETER")
    assert "parameters.norm" in {each["field"] for each in wrong["violations"]}


async def test_ml(address: str) -> None:
    told = await post(f"{address}/api/v1/ml/embed", {"texts": ["a lighthouse"]})
    assert told["outputs"]["embeddings"]["shape"] == [1, 384], told
    message = [{"role": "user", "content": "Say hello."}]
    for name, field in (("generate", "text"), ("chat", "choices")):
        told = await post(f"{address}/api/v1/ml/{name}", {"messages": message, "max_tokens": 4})
        assert told["result"][field], told
    body = json.dumps({"messages": message, "max_tokens": 4})
    text = await curl(
        f"{address}/api/v1/ml/generate",
        *("-N", "-d", body, "-H", "Content-Type: application/json"),
        *("-H", "Accept: text/event-stream"),
    )
    kinds = [line[7:] for line in text.decode().splitlines() if line.startswith("event: ")]
    assert kinds == ["token"] * (len(kinds) - 1) + ["response"]
    assert len(kinds) > 1


async def test_models_and_algorithms(address: str) -> None:
    models = json.loads(await curl(f"{address}/api/v1/python/models"))["models"]
    embedders = [each["name"] for each in models if "ml.embed" in each["algorithms"]]
    told = await post(f"{address}/api/v1/python/models/{embedders[0]}", {"texts": ["x"]})
    assert told["algorithm"].startswith("ml.embed@")
    found = json.loads(await curl(f"{address}/api/v1/algorithms/cpp.fft"))
    assert found["algorithm"]["inputs"][0]["name"] == "x"
    listed = json.loads(await curl(f"{address}/api/v1/algorithms?namespace=ml"))["algorithms"]
    assert {each["executor"] for each in listed} == {"ml"}


async def test_jobs(address: str) -> None:
    root = f"{address}/api/v1/jobs"
    work = {"algorithm": "python.run", "parameters": {"code": "print(2 + 2)"}}
    id = (await post(root, work))["id"]
    told = json.loads(await curl(f"{root}/{id}/wait?timeout_ms=30000"))
    assert (told["state"], told["response"]["stdout"]) == ("SUCCEEDED", "4\n")
    text = (await curl("-N", f"{root}/{id}/events")).decode()
    kinds = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["state", "state", "output", "state"]
    await curl("-X", "DELETE", f"{root}/{id}")
    assert json.loads(await curl(root))["jobs"] == []


async def test_an_algorithm_of_ones_own(address: str) -> None:
    root = f"{address}/api/v1/python"
    code = "def double(n: int) -> int:\n    return 2 * n"
    made = await post(f"{root}/algorithms", {"name": "double", "code": code})
    assert made["algorithm"]["algorithm"]["name"] == "python.double", made
    assert (await post(f"{root}/double", {"n": 21}))["result"] == 42
    ran = await post(f"{root}/execute", {"name": "double", "parameters": {"n": 4}})
    assert ran["result"] == 8
    assert json.loads(await curl(f"{root}/algorithms/double"))["code"] == code
    wrong = await post(f"{root}/algorithms", {"name": "broken", "code": "def ("})
    assert (wrong["status"], wrong["violations"][0]["field"]) == (400, "code")
    gone = json.loads(await curl("-X", "DELETE", f"{root}/algorithms/double"))
    assert gone == {"deleted": ["python.double@1"]}


async def test_a_session_goes_on(address: str) -> None:
    root, run = f"{address}/api/v1/sessions", f"{address}/api/v1/python/run"
    made = await post(root, {"session_id": "s"})
    assert made["session_id"] == "s", made
    await post(run, {"code": "x = 41", "options": {"session_id": "s"}})
    told = await post(run, {"code": "x + 1", "options": {"session_id": "s"}})
    assert told["result"] == 42, told
    names = json.loads(await curl(f"{root}/s/variables"))["variables"]
    assert "x" in [each["name"] for each in names]
    assert (await post(f"{root}/s/fork", {"fork_id": "t"}))["session_id"] == "t"
    assert (await post(f"{root}/s/undo", {"calls": 1}))["calls"] == 1
    await curl(f"{root}/s/export", "-o", "/dev/null")
    for name in ("s", "t"):
        assert await curl("-X", "DELETE", f"{root}/{name}") == b""
    assert json.loads(await curl(root)) == {"sessions": []}


async def test_a_hostile_program_ends_at_its_limit(address: str) -> None:
    body = {"code": "while True: pass", "options": {"limits": {"run_time_ms": 300}}}
    told = await post(f"{address}/api/v1/python/run", body)
    assert (told["outcome"], told["failure"]["limit"]["name"]) == ("TIMEOUT", "run_time_ms")
