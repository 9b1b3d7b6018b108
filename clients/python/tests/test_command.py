"""The command `edgemesh`, as a process of its own, against a real mesh."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from terminal import edgemesh

from edgemesh_client import AsyncClient
from edgemesh_local.mesh import Mesh


@pytest.mark.needs("cpp")
async def test_arrays_come_from_files_and_go_to_files(address: str, tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=8)
    np.save(tmp_path / "x.npy", x)
    words = ("run", "cpp.fft", "--input", "x=@x.npy", "--param", "norm=ortho", "--out", "y=@y.npy")
    said = await edgemesh(address, *words, cwd=tmp_path)
    assert (said.code, said.out) == (0, ""), said.err
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.fft.fft(x, norm="ortho"))


@pytest.mark.needs("cpp")
async def test_json_has_a_stable_shape(address: str) -> None:
    said = (await edgemesh(address, "run", "cpp.fft", "-i", "x=[0,1,0,-1]", "--json")).json
    assert said["value"] == [[0, 0], [0, -2], [0, 0], [0, 2]]
    assert said["outputs"] == {"y": {"dtype": "complex128", "shape": [4], "media_type": ""}}
    keys = "outcome algorithm request_id value outputs stdout stderr failure usage"
    assert list(said) == keys.split()
    assert (said["outcome"], said["failure"]) == ("OK", None)
    listed = (await edgemesh(address, "algorithms", "cpp", "--json")).json["algorithms"]
    assert "cpp.fft" in [each["name"] for each in listed]
    table = await edgemesh(address, "algorithms", "cpp.fft")
    assert "--param norm" in table.out
    assert "backward | ortho | forward" in table.out


@pytest.mark.needs("cpp")
@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("run", "cpp.fft", "-p", "norm=loud", "-i", "x=[1]"), 2, "INVALID_PARAMETER: "),
        (("run", "cpp.ffft"), 3, "UNKNOWN_ALGORITHM: "),
        (("run", "cpp.fft", "-i", "x=@none.npy"), 2, "none.npy cannot be read: No such file"),
        (("run", "cpp.fft", "-i", "x=abc"), 2, "--input x: @FILE.npy, @FILE or numbers as JSON"),
        (("run", "cpp.fft", "-i", "x"), 2, "--input 'x': NAME=VALUE is expected"),
        (("run", "cpp.fft", "-i", "x=[1]", "-o", "z=@z"), 2, "no such output, but y"),
        (("run", "cpp.fft", "-p", "norm=@latin"), 2, "latin is no text in UTF-8: byte 1"),
        (("run", "cpp.fft", "-p", "norm=@"), 2, "@ is followed by a file"),
        (("run", "cpp.fft", "-i", "x=@latin.npy"), 2, "latin.npy is no array of NumPy's"),
        (("run", "cpp.fft", "-i", "x=[1]", "--job", "-o", "y=@y"), 2, "--job: its outputs come"),
        (("run", "cpp.fft", "-i", "x=[1]", "--webhook", "http://x"), 2, "--webhook: of a job"),
        (("python", "run", "latin"), 2, "latin is no text in UTF-8"),
        (("usage", "--csv", "--json"), 2, "--csv and --json: one of both"),
        (("status", "--metrics", "127.0.0.1:1"), 2, "--metrics 127.0.0.1:1: cannot be read"),
        (("status", "--metrics", "a:b:c"), 2, "--metrics a:b:c: cannot be read"),
        (("run", "cpp.fft", "-i", "x=@empty.npy"), 2, "empty.npy is no array of NumPy's"),
        (("--timeout", "nan", "status"), 2, "timeout: seconds, more than 0"),
        (("run",), 2, "Missing argument"),
        (("jump",), 2, "No such command 'jump'"),
        (("--address", "a:b:c", "status"), 2, "address: host:port, not 'a:b:c'"),
        (("jobs", "get", "0" * 32), 3, "UNKNOWN_JOB: "),
    ],
)
async def test_bad_input_is_one_line(
    address: str, tmp_path: Path, words: tuple[str, ...], code: int, line: str
) -> None:
    for name in ("latin", "latin.npy"):
        (tmp_path / name).write_bytes("né".encode("latin-1"))
    (tmp_path / "empty.npy").touch()
    said = await edgemesh(address, *words, cwd=tmp_path)
    assert (said.code, said.out) == (code, "")
    assert line in said.err
    assert said.err.count("\n") == 1


@pytest.mark.needs("pywasm")
async def test_whatever_a_program_says_can_be_said(address: str) -> None:
    odd = ("run", "python.run", "-p", "code='\\ud800'")
    assert (await edgemesh(address, *odd)).out == "\\ud800\n"
    assert (await edgemesh(address, *odd, "--json")).json["value"] == "\ud800"
    accents = ("run", "python.run", "-p", "code='é'", "--json")
    ascii = {"PYTHONIOENCODING": "ascii"}
    assert (await edgemesh(address, *accents, env=ascii)).json["value"] == "é"


@pytest.mark.needs("ml")
async def test_what_follows_two_dashes_is_no_option(address: str) -> None:
    said = await edgemesh(address, "embed", "--", "--json")
    assert said.code == 0, said.err
    assert not said.out.startswith("{")


async def test_it_says_its_version(address: str) -> None:
    said = await edgemesh(address, "--version")
    assert said.out.startswith(("edgemesh 0.", "edgemesh of a checkout")), said


@pytest.mark.needs("cpp")
async def test_a_time_beyond_all_clocks_is_no_deadline(address: str) -> None:
    said = await edgemesh(address, "--timeout", "1e30", "run", "cpp.fft", "-i", "x=[1]")
    assert said.code == 0, said.err


async def test_a_full_disk_is_one_line(address: str) -> None:
    full = ("env", "-u", "PYTHONUNBUFFERED", "sh", "-c", 'exec "$@" > /dev/full', "sh")
    said = await edgemesh(address, "algorithms", before=full)
    why = "what came of it cannot be written: No space left on device"
    assert (said.code, said.err) == (1, f"error: {why}\n")
    said = await edgemesh(address, "algorithms", "--json", before=full)
    assert (said.code, json.loads(said.err)["error"]["message"]) == (1, why)


async def test_a_row_is_a_line_for_who_reads_a_pipe(address: str) -> None:
    narrow = await edgemesh(address, "algorithms", env={"COLUMNS": "40"})
    listed = (await edgemesh(address, "algorithms", "--json")).json["algorithms"]
    assert narrow.out.count("\n") == len(listed) + 1


async def test_errors_are_json_too(address: str) -> None:
    said = await edgemesh(address, "run", "cpp.ffft", "--json")
    assert said.code == 3
    error = json.loads(said.err)["error"]
    assert (error["code"], error["reason"]) == ("NOT_FOUND", "UNKNOWN_ALGORITHM")


@pytest.mark.needs("pywasm")
async def test_programs_run_and_fail_with_their_own_traceback(address: str, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("print('hello')\n6 * 7")
    said = await edgemesh(address, "python", "run", "p.py", cwd=tmp_path)
    assert (said.code, said.out) == (0, "hello\n42\n")
    said = await edgemesh(address, "python", "run", "-", stdin="print('so far')\n1 / 0")
    assert (said.code, said.out) == (1, "so far\n")
    assert "ZeroDivisionError" in said.err
    said = await edgemesh(address, "python", "run", "-", "--json", stdin="1 / 0")
    assert (said.code, said.json["failure"]["type"]) == (1, "ZeroDivisionError")


@pytest.mark.needs("pywasm")
async def test_the_repl_goes_on_and_its_session_is_listed(address: str) -> None:
    typed = "x = 20\ndef f(n):\n    return n + x\n\nf(1)\n1 / 0\nx + 2\n%vars\n"
    said = await edgemesh(address, "python", "repl", "--session", "typed", stdin=typed)
    assert said.code == 0
    assert said.out.startswith("21\n22\n")
    assert "ZeroDivisionError" in said.err
    listed = (await edgemesh(address, "sessions", "list", "--json")).json["sessions"]
    assert [each["calls"] for each in listed if each["name"] == "typed"] == [5]
    names = (await edgemesh(address, "sessions", "inspect", "typed", "--json")).json["variables"]
    assert {"x", "f"} <= {each["name"] for each in names}
    assert (await edgemesh(address, "sessions", "delete", "typed")).code == 0


@pytest.mark.needs("pywasm")
async def test_jobs(address: str) -> None:
    submitted = await edgemesh(address, "run", "python.run", "-p", "code=6 * 7", "--job")
    id = submitted.out.strip()
    waited = await edgemesh(address, "jobs", "wait", id)
    assert (waited.code, waited.out) == (0, "42\n")
    listed = (await edgemesh(address, "jobs", "list", "--json")).json["jobs"]
    assert (listed[0]["id"], listed[0]["state"]) == (id, "SUCCEEDED")
    assert id in (await edgemesh(address, "jobs", "get", id)).out
    assert "SUCCEEDED" in (await edgemesh(address, "jobs", "cancel", id)).out


@pytest.mark.needs("cpp")
async def test_schedules(address: str) -> None:
    plan = ("cpp.fft", "-i", "x=[0,1,0,-1]", "--missed", "ONCE")
    made = await edgemesh(address, "schedules", "create", "typed", "0 3 * * *", *plan)
    assert made.code == 0, made
    (listed,) = (await edgemesh(address, "schedules", "list", "--json")).json["schedules"]
    assert (listed["id"], listed["missed"], listed["paused"]) == ("typed", "ONCE", False)
    paused = (await edgemesh(address, "schedules", "pause", "typed", "--json")).json
    assert paused["paused"] is True
    assert "typed" in (await edgemesh(address, "schedules", "resume", "typed")).out
    assert "0 3 * * *" in (await edgemesh(address, "schedules", "get", "typed")).out
    assert (await edgemesh(address, "schedules", "delete", "typed")).code == 0
    wrong = await edgemesh(address, "schedules", "create", "w", "nightly", "cpp.fft")
    assert (wrong.code, "cron" in wrong.err) == (2, True)


@pytest.mark.needs("ml")
async def test_models(address: str, tmp_path: Path) -> None:
    said = await edgemesh(address, "chat", "Say hello.", "--max-tokens", "4")
    assert said.code == 0
    assert said.out.strip()
    words = ("embed", "a", "b", "--out", str(tmp_path / "v.npy"))
    assert (await edgemesh(address, *words)).code == 0
    assert np.load(tmp_path / "v.npy").shape == (2, 384)


async def test_the_doctor_finds_all_well(address: str) -> None:
    said = await edgemesh(address, "doctor", "--json")
    assert said.code == 0, said.out
    assert said.json["ok"]
    assert [each["check"] for each in said.json["checks"]][:4] == [
        "address",
        "tls",
        "key",
        "gateway",
    ]


async def test_the_doctor_names_what_mends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = await edgemesh(f"127.0.0.1:{port}", "doctor")
    assert said.code == 4
    assert "BAD address" in said.out
    assert "make up" in said.out
    said = await edgemesh(f"127.0.0.1:{port}", "status")
    assert said.code == 4
    assert said.err.startswith("error: UNAVAILABLE: ")


@pytest.mark.needs("ml")
async def test_models_are_listed_loaded_and_unloaded(address: str) -> None:
    listed = (await edgemesh(address, "models", "list", "--json")).json["models"]
    assert {"all-minilm-l6-v2", "smollm2-135m-instruct"} <= {each["name"] for each in listed}
    table = await edgemesh(address, "models", "ls")
    assert "all-minilm-l6-v2" in table.out
    for word, loaded in (("unload", False), ("load", True)):
        said = await edgemesh(address, "models", word, "all-minilm-l6-v2", "--json")
        assert said.code == 0, said.err
        assert said.json["loaded"] is loaded
    none = await edgemesh(address, "models", "load", "none", "--json")
    assert none.code != 0
    assert "name" in json.loads(none.err)["error"]["fields"]


@asynccontextmanager
async def demanding(tmp_path: Path, secret: str) -> AsyncGenerator[str]:
    """A mesh that demands keys; `secret` is its operators'."""
    database = {"DATABASE": f"sqlite:///{tmp_path}/gateway.db", "IDENTITY": "required"}
    digest = hashlib.sha256(secret.encode()).hexdigest()
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[[keys]]\ntenant = "operators"\nsha256 = "{digest}"\n')
    policy = tmp_path / "policy.toml"
    policy.write_text('[default]\n[tenants.operators]\nscopes = ["*", "admin"]\n')
    gateway = database | {"API_KEYS": str(keys), "POLICY": str(policy)}
    settings = {"gateway": gateway, "cpp": {"WORKERS": "1", "SPARES": "0"}}
    async with Mesh(("cpp",), settings=settings) as mesh:
        yield mesh.address("gateway")


@pytest.mark.needs("cpp")
async def test_keys_open_a_mesh_that_demands_them(tmp_path: Path) -> None:
    secret = "k" * 40
    async with demanding(tmp_path, secret) as address:
        refused = await edgemesh(address, "doctor")
        assert refused.code == 4
        assert "BAD key" in refused.out
        assert "EDGEMESH_API_KEY" in refused.out
        assert (await edgemesh(address, "status")).code == 3
        words = ("keys", "create", "--tenant", "physics", "--scope", "cpp.*")
        made = await edgemesh(address, *words, key=secret)
        assert made.code == 0, made.err
        key = made.out.strip()
        assert (await edgemesh(address, "status", key=key)).code == 0
        listed = (await edgemesh(address, "keys", "list", "--json", key=secret)).json["keys"]
        assert [each["tenant"] for each in listed] == ["physics"]
        assert (await edgemesh(address, "keys", "list", key=key)).code == 3
        assert (await edgemesh(address, "keys", "revoke", key[:15], key=secret)).code == 0
        assert (await edgemesh(address, "status", key=key)).code == 3


@pytest.mark.needs("cpp")
async def test_what_tenants_did_is_told_and_erased(tmp_path: Path) -> None:
    secret = "k" * 40
    async with demanding(tmp_path, secret) as address:
        async with AsyncClient(address, api_key=secret) as operator:
            _, key = await operator.create_key("physics", scopes=["cpp.*"])
        async with AsyncClient(address, api_key=key) as physics:
            ran = await physics.compute("cpp.fft", x=np.ones(4))
        words = ("request", ran.request_id, "--tenant", "physics", "--json")
        told = (await edgemesh(address, *words, key=secret)).json
        assert (told["tenant"], told["outcome"], told["executor"]) == ("physics", "OK", "cpp")
        assert 0 < told["run_us"] < told["total_us"]
        assert (await edgemesh(address, "usage", "--all", key=key)).code == 3
        lines = (await edgemesh(address, "usage", "--csv", "--all", key=secret)).out.splitlines()
        assert lines[0].startswith("day,tenant,algorithm,calls,failed,compute_us,")
        assert lines[1].split(",")[1:4] == ["physics", "cpp.fft", "1"]
        asked = await edgemesh(address, "erase", "physics", stdin="n\n", key=secret)
        assert (asked.code, asked.out) == (1, "")
        asked = await edgemesh(address, "erase", "physics", key=secret)
        assert (asked.code, asked.out) == (2, "")
        assert "nobody answers, and --yes is not given" in asked.err
        words = ("erase", "physics", "--yes", "--json")
        gone = (await edgemesh(address, *words, key=secret)).json
        assert (gone["count"], gone["left"]) == ({"keys": 1, "usage": 1, "requests": 1}, [])
