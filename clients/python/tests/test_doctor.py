"""The doctor on the way to a mesh and in it: each set-up is broken for real, its mend named."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from terminal import edgemesh

from edgemesh_local.mesh import Mesh

KEY = "k" * 40
_SKEW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec -= 3600;
  return code;
}
"""
"""A clock that is an hour behind."""


def skewed(folder: Path) -> str:
    """A library that gives a process such a clock."""
    source, library = folder / "skew.c", folder / "skew.so"
    source.write_text(_SKEW)
    words = ["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True)
    return str(library)


async def bad(address: str, *words: str, key: str = "", **env: str) -> dict[str, Any]:
    """The one thing that the doctor finds wrong on the way and in the mesh."""
    said = await edgemesh(address, *words, "doctor", "--json", key=key, env=env)
    assert said.code == 4, said
    machine = {"python", "memory", "addresses", "open-files", "state", "disk", "tools", "ports"}
    wrong = [each for each in said.json["checks"] if not each["ok"]]
    (found,) = [each for each in wrong if each["check"] not in machine]
    assert not said.json["ok"]
    assert found["mend"]
    return found


@asynccontextmanager
async def gateway(folder: Path, **settings: str) -> AsyncGenerator[str]:
    """A gateway whose only executor never comes; where it is."""
    nowhere = f'{{"none": "unix:{folder}/none"}}'
    own = {"DATABASE": f"sqlite:///{folder}/gateway.db", "EXECUTORS": nowhere} | settings
    async with Mesh((), settings={"gateway": own}) as mesh:
        yield mesh.address("gateway")


async def test_no_gateway_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = await bad(f"127.0.0.1:{port}")
    assert found["check"] == "address"
    assert "nothing listens" in found["found"]
    assert "edgemesh up" in found["mend"]


async def test_there_is_no_such_host() -> None:
    found = await bad("mesh.invalid:50051")
    assert (found["check"], "no such host" in found["found"]) == ("address", True)
    assert "EDGEMESH_ADDRESS" in found["mend"]


async def test_an_option_makes_no_sense() -> None:
    found = await bad("127.0.0.1:1", EDGEMESH_CA="none.pem")
    assert (found["check"], "none.pem cannot be read" in found["found"]) == ("address", True)
    assert found["mend"].startswith("unset EDGEMESH_CA")


@pytest.mark.needs("cpp")
async def test_it_is_another_port_of_the_mesh(tmp_path: Path) -> None:
    own = {"DATABASE": f"sqlite:///{tmp_path}/gateway.db", "REST_PORT": "0"}
    settings = {"gateway": own, "cpp": {"WORKERS": "1", "SPARES": "0"}}
    async with Mesh(("cpp",), settings=settings) as mesh:
        for address in (mesh.http("gateway"), mesh.metrics("gateway")):
            found = await bad(address)
            assert (found["check"], "HTTP/1.1" in found["found"]) == ("address", True)
            assert "EDGEMESH_ADDRESS=127.0.0.1:50051" in found["mend"]
        found = await bad(mesh.address("cpp"))
        assert (found["check"], "an executor" in found["found"]) == ("gateway", True)
        assert "EDGEMESH_ADDRESS=127.0.0.1:50051" in found["mend"]


async def test_no_key_is_shown_and_a_wrong_one(tmp_path: Path) -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[[keys]]\ntenant = "physics"\nsha256 = "{digest}"\n')
    async with gateway(tmp_path, API_KEYS=str(keys)) as address:
        none = await bad(address)
        assert (none["check"], "none is shown" in none["found"]) == ("key", True)
        assert "edgemesh-gateway keys create" in none["mend"]
        wrong = await bad(address, key="w" * 40)
        assert (wrong["check"], "not known here" in wrong["found"]) == ("key", True)
        assert "edgemesh keys create" in wrong["mend"]


async def test_a_policy_is_broken_while_it_is_in_force(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[default]\n")
    async with gateway(tmp_path, POLICY=str(policy)) as address:
        policy.write_text("[defa\n")
        while True:  # it looks every so often
            said = await edgemesh(address, "doctor", "--json")
            if "policy" in (found := {each["check"]: each for each in said.json["checks"]}):
                break
    assert "not in force" in found["policy"]["found"]
    assert "edgemesh-gateway policy" in found["policy"]["mend"]


async def test_one_side_speaks_tls_and_the_other_does_not(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with gateway(tmp_path, **authority.write(tmp_path)) as address:
        found = await bad(address)
        assert (found["check"], "the mesh speaks TLS" in found["found"]) == ("tls", True)
        assert found["mend"] == f"export EDGEMESH_ADDRESS=https://{address}"
    async with gateway(tmp_path) as address:
        found = await bad(f"https://{address}")
        assert (found["check"], "speaks no TLS" in found["found"]) == ("tls", True)
        assert f"export EDGEMESH_ADDRESS={address}" in found["mend"]


async def test_a_certificate_is_of_an_authority_or_name_that_we_do_not_know(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with gateway(tmp_path, **authority.write(tmp_path)) as address:
        port = address.rpartition(":")[2]
        found = await bad(f"https://localhost:{port}")
        assert (found["check"], "certificate:" in found["found"]) == ("tls", True)
        assert "export EDGEMESH_CA=" in found["mend"]
        ca = str(authority.file)
        found = await bad(f"https://{address}", EDGEMESH_CA=ca)
        assert "with a name that is in the certificate" in found["mend"]
        said = await edgemesh(f"https://localhost:{port}", "doctor", env={"EDGEMESH_CA": ca})
        assert "ok  tls          TLSv1.3, its certificate until" in said.out


async def test_a_certificate_has_expired(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with gateway(tmp_path, **authority.write(tmp_path, seconds=-60)) as address:
        port = address.rpartition(":")[2]
        found = await bad(f"https://localhost:{port}", EDGEMESH_CA=str(authority.file))
    assert (found["check"], "expired" in found["found"]) == ("tls", True)
    assert "EDGEMESH_GATEWAY_TLS_CERTIFICATE" in found["mend"]


async def test_the_mesh_asks_for_a_certificate_of_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    asks = authority.write(tmp_path) | {"TLS_CLIENT_CA": str(authority.file)}
    async with gateway(tmp_path, **asks) as address:
        port = address.rpartition(":")[2]
        found = await bad(f"https://localhost:{port}", EDGEMESH_CA=str(authority.file))
    assert (found["check"], "a certificate of ours" in found["found"]) == ("tls", True)
    assert "EDGEMESH_CERTIFICATE=" in found["mend"]


@pytest.mark.needs("cpp")
async def test_an_executor_is_away_and_a_clock_is_wrong(tmp_path: Path) -> None:
    settings = {
        "gateway": {"DATABASE": f"sqlite:///{tmp_path}/gateway.db"},
        "cpp": {"WORKERS": "1", "SPARES": "0"},
    }
    async with Mesh(("cpp",), settings=settings) as mesh:
        address = mesh.address("gateway")
        if shutil.which("gcc"):
            found = await bad(address, LD_PRELOAD=skewed(tmp_path))
            assert (found["check"], "behind the gateway's" in found["found"]) == ("clock", True)
            assert "timedatectl set-ntp true" in found["mend"]
        await mesh.stop_service("cpp")
        said = await edgemesh(address, "doctor", "--json")
        found = {each["check"]: each for each in said.json["checks"]}["cpp"]
        assert not found["ok"]
        assert "it is away" in found["found"]
        assert found["mend"].startswith("edgemesh up --executors cpp")


@pytest.mark.needs("ml")
async def test_there_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    settings = {
        "gateway": {"DATABASE": f"sqlite:///{tmp_path}/gateway.db"},
        "ml": {"WORKERS": "1", "SPARES": "0", "MODELS_DIR": str(tmp_path / "models")},
    }
    async with Mesh(("ml",), settings=settings) as mesh:
        found = await bad(mesh.address("gateway"))
    assert (found["check"], found["found"]) == ("models", "none")
    assert "edgemesh models pull" in found["mend"]
