"""Bad set-ups of the Python executor, made for real: docs/setups.md has what is said."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import ill_setups
import pytest
from ill_setups import as_another, lines, says, spawn

from edgemesh_executor_pywasm.__main__ import fit
from edgemesh_executor_pywasm.settings import PyWasmSettings

PREFIX = "EDGEMESH_PYWASM_"
AS_ANOTHER = as_another(
    "from edgemesh_executor_pywasm import __main__ as service", "service.main()"
)


def refusal(
    folder: Path,
    settings: Mapping[str, str],
    *,
    another: bool = False,
    mount: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """The one line that the executor ends with. `another`: as another user than the tests'."""
    given = {"EDGEMESH_CACHE": str(folder / "cache"), **(env or {})}
    settings = {"PORT": "0", "METRICS_PORT": "0", **settings}
    given |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    words = AS_ANOTHER if another else ("-m", "edgemesh_executor_pywasm")
    return ill_setups.refusal(spawn(words, given, mount))


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users come to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="edgemesh-setups-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def made(folder: Path, name: str, mode: int = 0o755) -> Path:
    (folder / name).mkdir(mode=mode)
    return folder / name


NO_AUTHORITIES = {"SSL_CERT_FILE": "/nowhere/bundle.pem", "SSL_CERT_DIR": "/nowhere/certs"}


def volume_of_another(folder: Path) -> str:
    made(folder, "cache")
    return refusal(folder, {}, another=True)


def full_disk(folder: Path) -> str:
    mount = f"mount -t tmpfs -o size=64k tmpfs {made(folder, 'cache')}"
    return refusal(folder, {}, mount=mount)


def nowhere_temporary(folder: Path) -> str:
    mount = f"mount -t tmpfs tmpfs {made(folder, 'cache')}"
    for each in ("/tmp", "/var/tmp"):
        mount += f"; mount --bind {each} {each}; mount -o remount,bind,ro {each}"
    # What is mounted in there stays as it is.
    mount = mount.replace("mount --bind /tmp", "mount --rbind /tmp")
    return refusal(folder, {}, mount=mount, env={"TMPDIR": "", "TEMP": "", "TMP": ""})


def no_certificates(folder: Path) -> str:
    return refusal(folder, {"HTTP": '{"api.example.org": {}}'}, env=NO_AUTHORITIES)


def older_processor(folder: Path) -> str:
    (made(folder, "images") / "processor").write_text("x86-64-v3\n")
    (folder / "cpuinfo").write_text("flags\t\t: fpu sse2 pni ssse3 sse4_1 sse4_2 popcnt\n")
    mount = f"mount --bind {folder}/cpuinfo /proc/cpuinfo"
    return refusal(folder, {"IMAGES_DIR": f"{folder}/images"}, mount=mount)


def sessions_of_another(folder: Path) -> str:
    sessions = made(folder, "sessions")
    with (sessions / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return refusal(folder, {"SESSION_DIR": str(sessions)})


MADE: dict[str, Callable[[Path], str]] = {
    "the volume of state is another user's": volume_of_another,
    "the disk is full": full_disk,
    "no folder for temporary files": nowhere_temporary,
    "a base image without certificates": no_certificates,
    "images for another processor": older_processor,
    "no images, or others'": lambda folder: refusal(folder, {}),
    "another executor has the folder of sessions": sessions_of_another,
}


def test_without_certificates_it_lives_on_and_says_what_is_lacking(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NO_AUTHORITIES.items():
        monkeypatch.setenv(name, value)
    lacking = fit(PyWasmSettings(cache=folder))
    assert list(lacking) == ["environments"]
    assert "install ca-certificates" in lacking["environments"]
    assert not fit(PyWasmSettings(cache=folder, offline=True))


def test_each_line_of_the_page_is_tried() -> None:
    assert set(lines("pywasm")) <= set(MADE) <= set(lines("every service", "pywasm"))


@pytest.mark.parametrize("what", MADE)
def test_a_bad_setup_is_one_line(what: str, folder: Path) -> None:
    said = MADE[what](folder)
    assert says(lines("every service", "pywasm")[what], said), said
