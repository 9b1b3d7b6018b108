"""The command line: what it says, and where."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from fake_engine import ENDS, FakeEngine

from edgemesh_containers.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.images |= {"new", ENDS}
    return engine


@pytest.fixture
def run(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments, lambda url: engine)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_up_prints_what_the_gateway_is_to_be_told(engine: FakeEngine, run: Run) -> None:
    status, out, err = run("up", "cpp", "--replicas", "2", "--gateway", "gateway-1")
    assert status == 0
    assert out == 'EDGEMESH_GATEWAY_EXECUTORS=\'{"cpp": ["cpp-1:50061", "cpp-2:50061"]}\'\n'
    assert err == "fleet-cpp-1: healthy\nfleet-cpp-2: healthy\n"
    assert engine.closed


def test_each_option_has_its_effect(engine: FakeEngine, run: Run) -> None:
    engine.other_volumes.add("plugins")
    status, _, err = run(
        "up", "cpp", "--tenant", "acme", "--image", "new", "--runtime", "crun", "--memory", "512m",
        "--cpus", "0.5", "--pids", "99", "--shm", "8m", "--tmp", "4m",
        "--mount", "/plugins=plugins", "--set", "EDGEMESH_CPP_WORKERS=1",
        "--publish", "127.0.0.1:50100",
    )  # fmt: skip
    assert status == 0, err
    made = engine.named("fleet-cpp-acme-1")
    host = made.host
    assert (made.arguments["image"], host["Runtime"], host["Memory"]) == ("new", "crun", 512 << 20)
    assert (host["NanoCpus"], host["PidsLimit"], host["ShmSize"]) == (500_000_000, 99, 8 << 20)
    assert host["Tmpfs"]["/tmp"].endswith(f"size={4 << 20}")
    assert "EDGEMESH_CPP_WORKERS=1" in made.arguments["environment"]
    assert made.ports == {("127.0.0.1", "50100")}


def test_replace_changes_what_is_named_and_nothing_else(engine: FakeEngine, run: Run) -> None:
    run("up", "cpp", "--pids", "99")
    status, _, err = run("replace", "cpp", "--image", "new")
    assert (status, err) == (0, "fleet-cpp-1: replaced\n")
    made = engine.named("fleet-cpp-1")
    assert (made.arguments["image"], made.host["PidsLimit"]) == ("new", 99)


def test_scale_and_rm(engine: FakeEngine, run: Run) -> None:
    run("up", "cpp")
    _, out, _ = run("scale", "cpp", "2")
    assert '"cpp-2:50061"' in out
    status, out, err = run("rm", "cpp", "--volumes")
    assert (status, out) == (0, "EDGEMESH_GATEWAY_EXECUTORS='{}'\n")
    assert "fleet-cpp-2: volume removed" in err
    assert not engine.made


def test_ls_in_its_three_forms(run: Run) -> None:
    run("up", "cpp", "--tenant", "acme")
    run("up", "ml")
    _, out, _ = run("ls")
    head, cpp, ml = out.splitlines()
    assert head.split()[:3] == ["EXECUTOR", "TENANT", "REPLICA"]
    assert cpp.split()[:5] == ["cpp", "acme", "1", "cpp-acme-1:50061", "healthy"]
    assert ml.split()[:5] == ["ml", "-", "1", "ml-1:50062", "healthy"]
    _, out, _ = run("ls", "--json")
    assert [json.loads(line)["address"] for line in out.splitlines()] == [
        "cpp-acme-1:50061",
        "ml-1:50062",
    ]
    assert run("ls", "--addresses")[1] == '{"ml": ["ml-1:50062"]}\n'
    assert run("ls", "--addresses", "acme")[1] == '{"cpp": ["cpp-acme-1:50061"]}\n'


def test_errors_are_one_line(run: Run) -> None:
    status, out, err = run("up", "cpp", "--runtime", "youki")
    assert (status, out) == (1, "")
    assert err.startswith(
        "edgemesh-containers: the engine knows no runtime 'youki', but crun, runc"
    )
    assert run("up", "cpp", "--image", ENDS)[0] == 1
    status, _, err = run("up", "cpp", "--publish", "here")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("edgemesh-containers: publish: <address>:<port>")


@pytest.mark.parametrize(
    "words", [(), ("up",), ("up", "cpp", "--memory", "lots"), ("up", "cpp", "--mount", "/plugins")]
)
def test_wrong_command_lines(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2


def test_engine_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--engine", "unix:///nowhere/docker.sock", "ls"]) == 1
    assert capsys.readouterr().err == (
        "edgemesh-containers: no engine answers at unix:///nowhere/docker.sock: "
        "No such file or directory; start it, or set DOCKER_HOST\n"
    )
