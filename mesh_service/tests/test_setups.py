"""Bad set-ups of a service, made for real: what docs/setups.md lists is said, in one line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import ill_setups
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from ill_setups import ANOTHER, START_S, as_another, lines, says, spawn

from mesh_service import setups
from mesh_service.setups import BadSetup

SAMPLE = Path(__file__).parent / "executor"
AS_ANOTHER = as_another("import sample", "sample.main()")


@dataclass
class Setup:
    """How a service is started."""

    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    another: bool = False
    """As another user than the tests'."""
    mount: str = ""
    """A command of a shell, before it and in a view of the file system of its own."""


def started(setup: Setup, folder: Path) -> subprocess.Popen[str]:
    """The sample executor, in that set-up."""
    env = {
        "PYTHONPATH": os.pathsep.join([str(SAMPLE), os.environ.get("PYTHONPATH", "")]),
        "EDGEMESH_CACHE": str(folder / "cache"),
        "EDGEMESH_SAMPLE_WORKERS": "1",
        "EDGEMESH_SAMPLE_SPARES": "0",
        **setup.settings,
    }
    return spawn(AS_ANOTHER if setup.another else (str(SAMPLE / "sample.py"),), env, setup.mount)


def refusal(setup: Setup, folder: Path) -> str:
    """The one line that it ends with."""
    return ill_setups.refusal(started(setup, folder))


def volume(folder: Path, mode: int = 0o755) -> Path:
    made = folder / "volume"
    made.mkdir(mode=mode)
    return made


def secret_file(folder: Path) -> Path:
    made = folder / "mesh.toml"
    made.write_text(f'secret = "{"s" * 40}"\n')
    made.chmod(0o600)
    return made


def port_in_use(_: Path) -> Setup:
    taken = socket.create_server(("127.0.0.1", 0))
    KEPT.append(taken)
    return Setup({"EDGEMESH_SAMPLE_PORT": str(taken.getsockname()[1])})


KEPT: list[socket.socket] = []


def secret_of_another(folder: Path) -> Setup:
    return Setup({"EDGEMESH_SAMPLE_CONFIG": str(secret_file(volume(folder)))}, another=True)


def secret_in_a_closed_folder(folder: Path) -> Setup:
    return Setup({"EDGEMESH_SAMPLE_CONFIG": str(secret_file(volume(folder, 0o700)))}, another=True)


def volume_of_another(folder: Path) -> Setup:
    return Setup({"EDGEMESH_CACHE": str(volume(folder))}, another=True)


def no_volume(folder: Path) -> Setup:
    return Setup({"EDGEMESH_CACHE": str(volume(folder) / "sub")}, another=True)


def full_disk(folder: Path) -> Setup:
    (folder / "cache").mkdir()
    return Setup(mount=f"mount -t tmpfs -o size=64k tmpfs {folder}/cache")


def read_only(folder: Path) -> Setup:
    (folder / "cache").mkdir()
    return Setup(mount=f"mount -t tmpfs -o ro tmpfs {folder}/cache")


def port_of_root(folder: Path) -> Setup:
    (folder / "cache").mkdir()
    os.chown(folder / "cache", ANOTHER, ANOTHER)
    return Setup({"EDGEMESH_SAMPLE_PORT": "80"}, another=True)


def small_container(_: Path) -> Setup:
    groups = "/sys/fs/cgroup"
    return Setup(mount=f"mount -t tmpfs tmpfs {groups}; echo 33554432 > {groups}/memory.max")


MADE: dict[str, Callable[[Path], Setup]] = {
    "the mesh's secret is missing": lambda _: Setup({"EDGEMESH_SAMPLE_HOST": "0.0.0.0"}),
    "a file of settings, with the secret in it, is another user's": secret_of_another,
    "so is its folder": secret_in_a_closed_folder,
    "a port is in use": port_in_use,
    "a port is for root alone": port_of_root,
    "the address is another machine's": lambda _: Setup(
        {"EDGEMESH_SAMPLE_HOST": "192.0.2.1", "EDGEMESH_SAMPLE_SECRET": "s" * 40}
    ),
    "the host is a name that nobody knows": lambda _: Setup(
        {
            "EDGEMESH_SAMPLE_HOST": "nowhere.invalid",
            "EDGEMESH_SAMPLE_PORT": "50999",
            "EDGEMESH_SAMPLE_SECRET": "s" * 40,
        }
    ),
    "the volume of state is another user's": volume_of_another,
    "the folder of state is not there, nor may be made": no_volume,
    "the disk is full": full_disk,
    "no volume where the root is read-only": read_only,
    "the user has no home, and no folder is named": lambda _: Setup(
        {"EDGEMESH_CACHE": "", "HOME": ""}, another=True
    ),
    "too little memory": small_container,
    "code for another processor": lambda _: Setup({"EDGEMESH_SAMPLE_UNFIT": "signal"}),
}


def test_each_line_of_the_page_is_tried() -> None:
    assert set(lines("every service", "every executor")) == set(MADE)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users come to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="edgemesh-setups-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("what", MADE)
def test_a_bad_setup_is_one_line(what: str, open_folder: Path) -> None:
    said = refusal(MADE[what](open_folder), open_folder)
    assert says(lines("every service", "every executor")[what], said), said


def test_what_a_worker_finds_wrong_ends_an_executor_that_never_served(tmp_path: Path) -> None:
    said = refusal(Setup({"EDGEMESH_SAMPLE_UNFIT": "it is too old; really"}), tmp_path)
    assert said == "sample: sample: it is too old; really; take another"


def test_where_it_lives_on_health_tells_of_the_part(tmp_path: Path) -> None:
    process = started(Setup({"EDGEMESH_SAMPLE_LACKS": "true"}), tmp_path)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        status = health_pb2.HealthCheckResponse
        with grpc.insecure_channel(address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            for part, expected in (("well", status.NOT_SERVING), ("", status.SERVING)):
                answer = health.Check(health_pb2.HealthCheckRequest(service=part), timeout=20)
                assert answer.status == expected
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=START_S)
    finally:
        process.kill()
    assert '"event":"a part cannot work","part":"well","why":"it is dry"' in err


def test_a_folder_is_looked_at_and_left_as_it_was(tmp_path: Path) -> None:
    setups.writable(tmp_path / "a" / "b", "EDGEMESH_CACHE")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSetup, match=r"file is no folder; name one"):
        setups.writable(tmp_path / "file" / "state", "EDGEMESH_CACHE")


@pytest.mark.parametrize(
    ("own", "limits", "allowed"),
    [
        ("0::/\n", {"memory.max": "1000"}, 1000),
        ("0::/a/b\n", {"memory.max": "max", "a/memory.max": "10", "a/b/memory.max": "max"}, 10),
        ("4:memory:/gone\n0::/\n", {"memory/memory.limit_in_bytes": "77"}, 77),
        ("4:cpu,memory:/a\n", {"memory/a/memory.limit_in_bytes": "5"}, 5),
        ("4:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "5"}, None),
        ("", {}, None),
    ],
)
def test_the_limit_of_a_container(
    tmp_path: Path, own: str, limits: Mapping[str, str], allowed: int | None
) -> None:
    for name, value in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    (tmp_path / "own").write_text(own)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = setups.allowed_bytes(tmp_path, tmp_path / "own")
    assert found == (machine if allowed is None else allowed)


def test_certificates_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    with pytest.raises(BadSetup, match="install ca-certificates"):
        setups.certificates("EDGEMESH_SAMPLE_HOSTS")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "4042bcee.0").touch()
    setups.certificates("EDGEMESH_SAMPLE_HOSTS")


@pytest.mark.parametrize("line", ["a: b; c", "a: b: c; d; e", "a: b"])
def test_a_line_is_read_as_it_was_said(line: str) -> None:
    assert str(BadSetup.read(line)) == line
