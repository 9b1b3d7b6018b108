"""Bad set-ups of a gateway, made for real: what docs/setups.md lists is said, in one line."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ill_setups
import pytest
from ill_setups import as_another, lines, says, spawn

PREFIX = "EDGEMESH_GATEWAY_"
AS_ANOTHER = as_another("from edgemesh_gateway import command", "command.main()")


@dataclass
class Setup:
    """How the gateway is started."""

    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    another: bool = False
    """As another user than the tests'."""
    mount: str = ""
    """A command of a shell, before it and in a view of the file system of its own."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])


def refusal(setup: Setup, folder: Path) -> str:
    """The one line that it ends with."""
    env = {"EDGEMESH_CACHE": str(folder / "cache")}
    settings = {"PORT": "0", "METRICS_PORT": "0", **setup.settings}
    env |= {f"{PREFIX}{name}": value for name, value in settings.items()} | dict(setup.env)
    words = AS_ANOTHER if setup.another else ("-m", "edgemesh_gateway")
    return ill_setups.refusal(spawn(words, env, setup.mount))


def volume(folder: Path, mode: int = 0o755) -> Path:
    made = folder / "volume"
    made.mkdir(mode=mode)
    return made


def secret_file(folder: Path) -> Path:
    made = folder / "mesh.toml"
    made.write_text(f'secret = "{"s" * 40}"\n')
    made.chmod(0o600)
    return made


KEPT: list[socket.socket] = []


def in_use(setting: str) -> Callable[[Path], Setup]:
    def made(_: Path) -> Setup:
        taken = socket.create_server(("127.0.0.1", 0))
        KEPT.append(taken)
        return Setup({setting: str(taken.getsockname()[1])})

    return made


def on_mount(options: str) -> Callable[[Path], Setup]:
    def made(folder: Path) -> Setup:
        (folder / "cache").mkdir()
        return Setup(mount=f"mount -t tmpfs -o {options} tmpfs {folder}/cache")

    return made


def small_container(_: Path) -> Setup:
    groups = "/sys/fs/cgroup"
    return Setup(mount=f"mount -t tmpfs tmpfs {groups}; echo 33554432 > {groups}/memory.max")


def nowhere_temporary(_: Path) -> Setup:
    read_only = "mount --bind {0} {0}; mount -o remount,bind,ro {0}; "
    mount = "".join(map(read_only.format, ("/tmp", "/var/tmp")))
    return Setup(mount=f"{mount} true", env={"TMPDIR": "", "TEMP": "", "TMP": ""})


def no_certificates(_: Path) -> Setup:
    tokens = {"JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "mesh"}
    nowhere = {"SSL_CERT_FILE": "/nowhere/bundle.pem", "SSL_CERT_DIR": "/nowhere/certs"}
    return Setup({"JWT_KEY_SET": "https://id.example/keys", **tokens}, env=nowhere)


MADE: dict[str, Callable[[Path], Setup]] = {
    "the mesh's secret is missing there": lambda _: Setup(
        {"EXECUTORS": '{"cpp": "192.0.2.7:50061"}'}
    ),
    "callers cannot show who they are": lambda _: Setup({"HOST": "0.0.0.0"}),
    "a file of settings, with the secret in it, is another user's": lambda folder: Setup(
        {"CONFIG": str(secret_file(volume(folder)))}, another=True
    ),
    "so is its folder": lambda folder: Setup(
        {"API_KEYS": str(secret_file(volume(folder, 0o700)))}, another=True
    ),
    "a port is in use": in_use("PORT"),
    "REST's port is in use, or for root alone": in_use("REST_PORT"),
    "the volume of state is another user's": lambda folder: Setup(
        env={"EDGEMESH_CACHE": str(volume(folder))}, another=True
    ),
    "the folder of state is not there, nor may be made": lambda folder: Setup(
        env={"EDGEMESH_CACHE": str(volume(folder) / "sub")}, another=True
    ),
    "the disk is full": on_mount("size=64k"),
    "no volume where the root is read-only": on_mount("ro"),
    "the user has no home, and no folder is named": lambda _: Setup(
        env={"EDGEMESH_CACHE": "", "HOME": ""}, another=True
    ),
    "too little memory": small_container,
    "no folder for temporary files": nowhere_temporary,
    "a base image without certificates": no_certificates,
    "the database is away": lambda _: Setup(
        {"DATABASE": "postgresql+psycopg://edgemesh:secret@127.0.0.1:1/none"}
    ),
}


def test_each_line_of_the_page_is_tried() -> None:
    assert set(lines("gateway")) <= set(MADE)
    assert set(MADE) <= set(lines("every service", "gateway"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users come to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="edgemesh-setups-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("what", MADE)
def test_a_bad_setup_is_one_line(what: str, open_folder: Path) -> None:
    said = refusal(MADE[what](open_folder), open_folder)
    assert says(lines("every service", "gateway")[what], said), said
    assert "secret@" not in said
