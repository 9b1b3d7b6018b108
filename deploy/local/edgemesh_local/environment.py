"""A Python environment: what a lock names, our own packages as sources, and wheels built here.

It is either right or made anew: nothing is ever repaired in place. Right means that its stamp bears
the key of what it should hold, and that every file put into it then is as it was. (Steps that run
in it may add to it: what they add is theirs to watch.)
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemesh_local import content, stamp
from edgemesh_local.command import CommandFailed, run
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.registry import uv_environment
from edgemesh_local.tool_environment import python_version, uv

_STAMP = "edgemesh.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """What an environment is to hold."""

    folder: Path
    """The part of the house it belongs to; it lies in `.venv` there."""
    lock: str = "requirements.lock"
    test_lock: str | None = None
    """A superset of `lock`, for tests; an environment that has it also serves where `lock` does."""
    packages: tuple[str, ...] = ()
    """Folders of our own packages, relative to the checkout, installed as source wheels."""
    paths: tuple[str, ...] = ()
    """Folders put on its path as they are."""
    imports: tuple[str, ...] = ()
    """Modules that must import, or the environment is broken."""

    @property
    def venv(self) -> Path:
        """Where it lies."""
        return self.folder / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.venv / "bin" / "python"


async def ensure(
    environment: Environment,
    layout: Layout,
    console: Console,
    *,
    testing: bool,
    wheels: Sequence[Path] = (),
) -> bool:
    """Make sure that it is right; returns whether it was made. Raises CommandFailed.

    `wheels` are those of its own packages and native parts, each in a folder named for its key.
    """
    names = [environment.lock]
    if environment.test_lock and (environment.folder / environment.test_lock).exists():
        names = [environment.test_lock] if testing else [environment.lock, environment.test_lock]
    keys = {name: _key(environment, layout, name, wheels) for name in names}
    if is_right(environment, *keys.values()):
        return False
    label = f"{environment.folder.relative_to(layout.root)}/.venv"
    console.started(label)
    began = time.monotonic()
    try:
        await _make(environment, layout, console, label, names[0], wheels)
    except BaseException:
        console.failed(label, time.monotonic() - began)
        raise
    _write_stamp(environment, keys[names[0]])
    console.done(label, time.monotonic() - began)
    return True


def is_right(environment: Environment, *keys: str) -> bool:
    """Whether it stands as it was made, under one of `keys`."""
    return os.access(environment.python, os.X_OK) and stamp.holds(environment.venv / _STAMP, *keys)


def _write_stamp(environment: Environment, key: str) -> None:
    stamp.write(environment.venv / _STAMP, key, _installed(environment.venv))


def _installed(venv: Path) -> Iterator[Path]:
    """Every file of its packages and scripts, without compiled Python, which comes and goes."""
    for top in (*venv.glob("lib/python*/site-packages"), venv / "bin"):
        for folder, folders, names in os.walk(top):
            if "__pycache__" in folders:
                folders.remove("__pycache__")
            yield from (Path(folder, name) for name in names)


def _key(environment: Environment, layout: Layout, lock: str, wheels: Sequence[Path]) -> str:
    return content.key(
        lock=(environment.folder / lock).read_text(),
        paths=[str(layout.root / path) for path in environment.paths],
        imports=environment.imports,
        wheels=[[wheel.name, wheel.parent.name] for wheel in wheels],
        python=python_version(),
        interpreter=str(Path(sys.executable).resolve()),
        uv=uv(),  # its folder is keyed by its lock
    )


async def _make(
    environment: Environment,
    layout: Layout,
    console: Console,
    label: str,
    lock: str,
    wheels: Sequence[Path],
) -> None:
    _clear(environment.venv)
    env = uv_environment(layout.cache / "uv")
    log = layout.logs / f"{environment.folder.name}-venv.log"
    target = ["--python", str(environment.venv)]

    async def pip(*words: str) -> None:
        # Offline first: when all is in the cache, no index is asked.
        for offline in (["--offline"], []):
            try:
                await run(
                    label,
                    [uv(), "pip", *words, "--quiet", *target, *offline],
                    cwd=environment.folder,
                    env=env,
                    log=log,
                    console=console,
                )
            except CommandFailed:
                if not offline:
                    raise
            else:
                return

    await run(
        label,
        [uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(environment.venv)],
        cwd=environment.folder,
        env=env,
        log=log,
        console=console,
    )
    await pip("sync", "--require-hashes", lock)
    if wheels:
        await pip("install", "--no-deps", "--no-index", *map(str, wheels))
    _link(environment, layout)
    if environment.imports:
        await run(
            f"{label}: imports",
            [str(environment.python), "-c", "import " + ", ".join(environment.imports)],
            cwd=environment.folder,
            env=_plain(env),
            log=log,
            console=console,
        )


def _plain(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}


def _link(environment: Environment, layout: Layout) -> None:
    if environment.paths:
        site = next(environment.venv.glob("lib/python*/site-packages"))
        lines = [str(layout.root / path) for path in environment.paths]
        (site / "edgemesh_paths.pth").write_text("\n".join(lines) + "\n")


def _clear(venv: Path) -> None:
    stamp.remove(venv / _STAMP)
    shutil.rmtree(venv, ignore_errors=True)
