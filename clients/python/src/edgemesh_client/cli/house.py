"""The checkout that a mesh on this machine is built and started from.

Rules: it is the one that this package is installed from in place, or else the first from the
current folder upwards. Knows its files, and imports none of it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemesh_client.cli.given import BadInput

_BOOTSTRAP = Path("deploy", "local", "bootstrap.sh")


@dataclass(frozen=True, slots=True)
class House:
    """A checkout."""

    root: Path

    @property
    def bootstrap(self) -> Path:
        """What builds and starts it."""
        return self.root / _BOOTSTRAP

    def services(self) -> list[dict[str, Any]]:
        """What each service says of itself in its service.toml."""
        return [
            tomllib.loads(path.read_text()) for path in sorted(self.root.glob("*/service.toml"))
        ]


def cache() -> Path:
    """What is built and downloaded, and by default all that a mesh keeps."""
    named = os.environ.get("EDGEMESH_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "edgemesh"


def models_folder() -> Path:
    """Where the ML executor of this machine looks for models."""
    named = os.environ.get("EDGEMESH_ML_MODELS_DIR")
    return Path(named).absolute() if named else cache() / "models"


def find(named: Path | None = None) -> House | None:
    """The checkout, or the one that is named; None where there is none. Raises BadInput."""
    if named is not None:
        if not (named / _BOOTSTRAP).is_file():
            raise BadInput(f"--checkout {named}: no checkout of edgemesh, which has {_BOOTSTRAP}")
        return House(named.resolve())
    return next((House(each) for each in _folders() if (each / _BOOTSTRAP).is_file()), None)


def required(named: Path | None, what: str) -> House:
    """The checkout. Raises BadInput where there is none, for `what` needs it."""
    house = find(named)
    if house is None:
        raise BadInput(
            f"{what} needs a checkout of edgemesh: run it inside of one, or name it by --checkout"
        )
    return house


def _folders() -> Iterator[Path]:
    yield from Path(__file__).resolve().parents
    here = Path.cwd()
    yield from (here, *here.parents)
