"""Bad set-ups of the Candle executor, made for real: docs/setups.md has what is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "setups.md"
PREFIX = "EDGEMESH_ML_"
START_S = 100
"""For a process to say why it does not start, on a busy machine."""
ANOTHER = 65532
AS_ANOTHER = (
    # What is imported later could not be read any more by the other user.
    "import os, tempfile; from edgemesh_executor_ml import __main__ as service; os.setgroups([]);"
    f"os.setresgid({ANOTHER}, {ANOTHER}, {ANOTHER}); os.setresuid({ANOTHER}, {ANOTHER}, {ANOTHER});"
    "service.main()"
)
OURS = ("EDGEMESH_", "COVERAGE_")
"""Variables that are none of the set-up's: another user may not write where ours are measured."""


def lines(*whose: str) -> dict[str, str]:
    """Of docs/setups.md: what is wrong → the line, for these services."""
    found: dict[str, str] = {}
    for row in PAGE.read_text().split("## Lines")[1].split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        code = re.fullmatch(r"(`+)(.*?) ?\1", cells[-1])
        if code is not None and set(whose) & set(cells[1].split(", ")):
            found[cells[0]] = code[2]
    return found


def says(line: str, said: str) -> bool:
    """Whether `said` is a line of the page's."""
    parts = re.split(r"<[^>]*>", line)
    return re.fullmatch(".*".join(map(re.escape, parts)), said) is not None


def refusal(
    folder: Path,
    settings: Mapping[str, str],
    *,
    another: bool = False,
    mount: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """The one line that the executor ends with. `another`: as another user than the tests'.

    `mount`: a command of a shell, before it and in a view of the file system of its own.
    """
    if (another or mount) and os.geteuid() != 0:
        pytest.skip("only root becomes another user, and mounts")
    command = [sys.executable, *(("-c", AS_ANOTHER) if another else ("-m", "edgemesh_executor_ml"))]
    if mount:
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here")
        command = ["unshare", "-m", "sh", "-ec", f'{mount}; exec "$@"', "sh", *command]
    given = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    given |= {"EDGEMESH_CACHE": str(folder / "cache"), "EDGEMESH_LOG_FORMAT": "json", **(env or {})}
    settings = {"PORT": "0", "METRICS_PORT": "0", **settings}
    given |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    process = subprocess.Popen(
        command,
        env={name: value for name, value in given.items() if value},
        cwd="/proc",  # where nobody writes
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=START_S)
    finally:
        process.kill()
    assert process.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err
    (line,) = [each for each in err.splitlines() if not each.startswith("{")]
    return line


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users come to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="edgemesh-setups-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def made(folder: Path, name: str, mode: int = 0o755) -> Path:
    (folder / name).mkdir(mode=mode)
    return folder / name


def models(folder: Path) -> dict[str, str]:
    return {"MODELS_DIR": str(made(folder, "models"))}


def volume_of_another(folder: Path) -> str:
    made(folder, "cache")
    return refusal(folder, models(folder), another=True)


def full_disk(folder: Path) -> str:
    mount = f"mount -t tmpfs -o size=64k tmpfs {made(folder, 'cache')}"
    return refusal(folder, models(folder), mount=mount)


def closed_models(folder: Path) -> str:
    os.chown(made(folder, "cache"), ANOTHER, ANOTHER)
    closed = made(folder, "closed", 0o700)
    return refusal(folder, {"MODELS_DIR": str(closed)}, another=True)


MADE: dict[str, Callable[[Path], str]] = {
    "the volume of state is another user's": volume_of_another,
    "the disk is full": full_disk,
    "models that the user may not read": closed_models,
}


def test_each_line_of_the_page_is_tried() -> None:
    assert set(lines("ml")) <= set(MADE) <= set(lines("every service", "ml"))


@pytest.mark.parametrize("what", MADE)
def test_a_bad_setup_is_one_line(what: str, folder: Path) -> None:
    said = MADE[what](folder)
    assert says(lines("every service", "ml")[what], said), said
