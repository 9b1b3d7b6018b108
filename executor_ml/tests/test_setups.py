"""Bad set-ups of the Candle executor, made for real: docs/setups.md has what is said."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import ill_setups
import pytest
from ill_setups import ANOTHER, as_another, lines, says, spawn

PREFIX = "EDGEMESH_ML_"
AS_ANOTHER = as_another("from edgemesh_executor_ml import __main__ as service", "service.main()")


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
    words = AS_ANOTHER if another else ("-m", "edgemesh_executor_ml")
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
