"""What `--json` prints of every command, held against the documented shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from shape import fits
from terminal import edgemesh

from edgemesh_client import AsyncClient, Plan, Step
from edgemesh_client.cli.documents import DOCUMENTS, FAILED
from edgemesh_local.mesh import Mesh

SECRET = "k" * 40


async def told(
    shape: str, address: str, *words: str, code: int = 0, stdin: str = "", key: str = ""
) -> Any:
    """The document, which is what it should be."""
    said = await edgemesh(address, *words, "--json", stdin=stdin, key=key)
    assert (said.code, said.out.count("\n")) == (code, 1), said
    fits(said.json, DOCUMENTS[shape], shape)
    return said.json


@pytest.mark.needs("cpp")
async def test_of_what_there_is_and_what_is_run(address: str, mesh: Mesh) -> None:
    plain = await told("status", address, "status")
    assert plain["load"] is None
    metrics = ("status", "--metrics", mesh.metrics("gateway"))
    assert (await told("status", address, *metrics))["load"]["cpp"]["up"] is True
    await told("algorithms", address, "algorithms", "cpp")
    assert (await told("algorithms NAME", address, "algorithms", "cpp.fft"))["name"] == "cpp.fft"
    ran = await told("run", address, "run", "cpp.fft", "-i", "x=[0,1,0,-1]")
    await told("request", address, "request", ran["request_id"])
    await told("usage", address, "usage")
    load = ("bench", "cpp.fft", "-i", "x=[1,2]", "--calls", "5", "--at-once", "2")
    measured = await told("bench", address, *load)
    assert (measured["failed"], measured["caller_ms"]["most"] > 0) == (0, True)
    await told("doctor", address, "doctor", "--machine")


@pytest.mark.needs("pywasm")
async def test_of_python(address: str, tmp_path: Path) -> None:
    failed = await told("python run", address, "python", "run", "-", stdin="1 / 0", code=1)
    assert failed["failure"]["type"] == "ZeroDivisionError"
    await told("python repl", address, "python", "repl", "--session", "shaped", stdin="x = 6 * 7\n")
    assert (await told("sessions list", address, "sessions", "list"))["sessions"]
    await told("sessions inspect", address, "sessions", "inspect", "shaped")
    await told("sessions fork", address, "sessions", "fork", "shaped", "shaped-2")
    await told("sessions undo", address, "sessions", "undo", "shaped-2")
    await told("sessions reset", address, "sessions", "reset", "shaped-2")
    file = str(tmp_path / "session")
    await told("sessions export", address, "sessions", "export", "shaped", file)
    await told("sessions import", address, "sessions", "import", "shaped-3", file)
    for name in ("shaped", "shaped-2", "shaped-3"):
        gone = await told("sessions delete", address, "sessions", "delete", name)
        assert gone == {"deleted": name}


@pytest.mark.needs("pywasm")
async def test_of_jobs_schedules_and_chains(address: str, aclient: AsyncClient) -> None:
    job = await told("run --job", address, "run", "python.run", "-p", "code=6 * 7", "--job")
    assert (await told("jobs wait", address, "jobs", "wait", job["id"]))["value"] == 42
    await told("jobs list", address, "jobs", "list")
    await told("jobs show", address, "jobs", "show", job["id"])
    await told("jobs cancel", address, "jobs", "cancel", job["id"])
    plan = ("schedules", "create", "shaped", "0 3 * * *", "python.run", "-p", "code=1")
    await told("schedules create", address, *plan)
    await told("schedules list", address, "schedules", "list")
    for word in ("show", "pause", "resume", "delete"):
        await told(f"schedules {word}", address, "schedules", word, "shaped")
    step = Step("only", Plan("python.run", {"code": "1"}))
    chain = (await aclient.submit_chain([step])).id
    for word in ("wait", "show", "cancel", "delete"):
        await told(f"chains {word}", address, "chains", word, chain)


@pytest.mark.needs("ml")
async def test_of_models(address: str, tmp_path: Path) -> None:
    await told("chat", address, "chat", "Say hello.", "--max-tokens", "4")
    assert len((await told("embed", address, "embed", "a"))["embeddings"]) == 1
    file = str(tmp_path / "v.npy")
    written = await told("embed", address, "embed", "a", "--out", file)
    assert written == {"embeddings": None, "file": file}
    await told("models ls", address, "models", "ls")
    for word in ("unload", "load"):
        await told(f"models {word}", address, "models", word, "all-minilm-l6-v2")


@asynccontextmanager
async def demanding(folder: Path) -> AsyncGenerator[str]:
    """A gateway that demands keys, of which SECRET is its operators'."""
    keys, policy = folder / "keys.toml", folder / "policy.toml"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    keys.write_text(f'[[keys]]\ntenant = "operators"\nsha256 = "{digest}"\n')
    policy.write_text('[default]\n[tenants.operators]\nscopes = ["*", "admin"]\n')
    own = {
        "DATABASE": f"sqlite:///{folder}/gateway.db",
        "API_KEYS": str(keys),
        "POLICY": str(policy),
        "EXECUTORS": f'{{"none": "unix:{folder}/none"}}',
    }
    async with Mesh((), settings={"gateway": own}) as mesh:
        yield mesh.address("gateway")


async def test_of_keys_and_tenants(tmp_path: Path) -> None:
    async with demanding(tmp_path) as address:
        words = ("keys", "create", "--tenant", "physics", "--days", "1")
        made = await told("keys create", address, *words, key=SECRET)
        await told("keys list", address, "keys", "list", key=SECRET)
        await told("keys revoke", address, "keys", "revoke", made["key"]["prefix"], key=SECRET)
        await told("erase", address, "erase", "physics", "--dry-run", key=SECRET)


@pytest.mark.parametrize(
    ("words", "code"),
    [(("algorithms", "cpp.ffft"), 3), (("run",), 2), (("run", "a.b", "-i", "x"), 2)],
)
async def test_of_errors(address: str, words: tuple[str, ...], code: int) -> None:
    said = await edgemesh(address, *words, "--json")
    assert (said.code, said.out) == (code, "")
    fits(json.loads(said.err), FAILED)
