"""Commands that work on this machine: `up` starts a mesh, `models` changes the models folder."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from shape import fits
from terminal import edgemesh, environment

from edgemesh_client import AsyncClient
from edgemesh_client.cli import house
from edgemesh_client.cli.documents import DOCUMENTS

_PORTS = ("PORT", "METRICS_PORT")


@pytest.mark.needs("cpp")
async def test_a_mesh_is_up_until_it_is_stopped() -> None:
    names = [f"EDGEMESH_{name}_{port}" for name in ("GATEWAY", "CPP") for port in _PORTS]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "edgemesh_client", "--json", "up", "--executors", "cpp"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment("") | dict.fromkeys(names, "0") | {"EDGEMESH_GATEWAY_REST_PORT": "0"},
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    fits(told, DOCUMENTS["up"])
    async with AsyncClient(told["address"]) as client:
        assert "cpp.fft" in [each.name for each in await client.algorithms()]
    process.send_signal(signal.SIGTERM)
    assert (await process.stdout.read(), await process.wait()) == (b"", 0)


async def test_a_checkout_must_be_one(tmp_path: Path) -> None:
    said = await edgemesh("127.0.0.1:1", "up", "--checkout", str(tmp_path))
    assert (said.code, said.out) == (2, "")
    assert "no checkout of edgemesh, which has deploy/local/bootstrap.sh" in said.err


async def test_a_mesh_that_does_not_start_ends_the_command(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "local" / "bootstrap.sh"
    script.parent.mkdir(parents=True)
    script.write_text("echo port 50051 is in use >&2; exit 1\n")
    said = await edgemesh("127.0.0.1:1", "up", "--checkout", str(tmp_path))
    assert (said.code, said.err) == (4, "port 50051 is in use\n")


async def test_models_are_removed_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "config.json").write_text("{}")
    (tmp_path / "lone@2.gguf").write_text("GGUF")
    (tmp_path / "pins.json").write_text("{}")
    env = {"EDGEMESH_ML_MODELS_DIR": str(tmp_path)}
    kept = await edgemesh("127.0.0.1:1", "models", "rm", "whole", stdin="n\n", env=env)
    assert kept.code == 1
    for name, file in (("whole", "whole"), ("lone@2", "lone@2.gguf")):
        words = ("models", "rm", name, "--yes", "--json")
        said = await edgemesh("127.0.0.1:1", *words, env=env)
        fits(said.json, DOCUMENTS["models rm"])
        assert said.json == {"name": name, "path": str(tmp_path / file)}
    assert [each.name for each in tmp_path.iterdir()] == ["pins.json"]
    for name in ("none", "pins.json", "../x", ""):
        said = await edgemesh("127.0.0.1:1", "models", "rm", name, "--yes", env=env)
        assert (said.code, said.err.count("\n")) == (2, 1), said


@pytest.mark.needs("ml")
async def test_a_model_is_pulled_into_the_folder(tmp_path: Path) -> None:
    delivered = house.models_folder() / "all-minilm-l6-v2"
    env = {"EDGEMESH_ML_MODELS_DIR": str(tmp_path)}
    words = ("models", "pull", "mine@3", str(delivered), "--json")
    said = await edgemesh("127.0.0.1:1", *words, env=env)
    assert said.code == 0, said.err
    fits(said.json, DOCUMENTS["models pull"])
    assert (tmp_path / "mine@3" / "config.json").is_file()
    again = await edgemesh("127.0.0.1:1", *words, env=env)
    assert again.code == 2
    assert "is there already" in json.loads(again.err)["error"]["message"]
