"""Environments, made by the real uv from a lock with one small package."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgemesh_local import environment as environments
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console
from edgemesh_local.environment import Environment
from edgemesh_local.layout import Layout
from edgemesh_local.sources import source_wheels

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "ours"
version = "1.0"
[tool.hatch.build.targets.wheel]
packages = ["src/ours"]
"""


def locked(*names: str) -> str:
    """Entries of this folder's own lock, hashes included."""
    text = (Layout.here().local / "requirements.lock").read_text().replace("\\\n", "")
    return "\n".join(
        line for line in text.splitlines() if line.split("==")[0] in names and "==" in line
    )


@pytest.fixture
def part(layout: Layout) -> Environment:
    folder = layout.root / "part"
    (folder / "src" / "ours").mkdir(parents=True)
    (folder / "src" / "ours" / "__init__.py").write_text("answer = 42\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "requirements.lock").write_text(locked("iniconfig"))
    (folder / "requirements-dev.lock").write_text(locked("iniconfig", "pluggy"))
    return Environment(
        folder,
        test_lock="requirements-dev.lock",
        packages=("part",),
        imports=("iniconfig", "ours"),
    )


async def ensure(
    part: Environment, layout: Layout, console: Console, *, testing: bool = False
) -> bool:
    sources = await source_wheels(part.packages, layout, console)
    return await environments.ensure(
        part, layout, console, testing=testing, wheels=list(sources.values())
    )


def runs(part: Environment, code: str) -> str:
    done = subprocess.run(
        [part.python, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.strip()


async def test_it_holds_the_lock_and_our_sources(
    part: Environment, layout: Layout, console: Console
) -> None:
    assert await ensure(part, layout, console)
    (part.folder / "src" / "ours" / "__init__.py").write_text("answer = 43\n")
    assert runs(part, "import ours; print(ours.answer)") == "43"
    assert not await ensure(part, layout, console)
    with pytest.raises(subprocess.CalledProcessError):
        runs(part, "import pluggy")


async def test_a_test_environment_also_serves_to_run(
    part: Environment, layout: Layout, console: Console
) -> None:
    assert await ensure(part, layout, console, testing=True)
    assert not await ensure(part, layout, console, testing=False)
    assert runs(part, "import pluggy; print(1)") == "1"


@pytest.mark.parametrize(
    "damage",
    ["bin/python", "edgemesh.json", "lib/python3.*/site-packages/iniconfig/__init__.py"],
)
async def test_a_damaged_one_is_made_anew(
    part: Environment, layout: Layout, console: Console, damage: str
) -> None:
    await ensure(part, layout, console)
    next(part.venv.glob(damage)).unlink()
    assert await ensure(part, layout, console)
    assert runs(part, "import iniconfig, ours; print(ours.answer)") == "42"


async def test_damage_in_one_never_reaches_the_next(
    part: Environment, layout: Layout, console: Console
) -> None:
    await ensure(part, layout, console)
    [module] = part.venv.glob("lib/python3.*/site-packages/iniconfig/__init__.py")
    with module.open("w") as file:
        file.write("raise ImportError('torn')\n")
    assert await ensure(part, layout, console)
    assert runs(part, "import iniconfig; print(1)") == "1"


async def test_another_lock_makes_another_environment(
    part: Environment, layout: Layout, console: Console
) -> None:
    await ensure(part, layout, console)
    (part.folder / "requirements.lock").write_text(locked("pluggy", "iniconfig"))
    assert await ensure(part, layout, console)
    assert runs(part, "import pluggy; print(1)") == "1"


async def test_a_hash_that_does_not_fit_is_refused(
    part: Environment, layout: Layout, console: Console
) -> None:
    lock = part.folder / "requirements.lock"
    lock.write_text(lock.read_text().split("--hash")[0] + "--hash=sha256:" + "0" * 64)
    with pytest.raises(CommandFailed):
        await ensure(part, layout, console)
    assert not (part.venv / "edgemesh.json").exists()


async def test_what_does_not_import_is_not_whole(
    part: Environment, layout: Layout, console: Console
) -> None:
    source = part.folder / "src" / "ours" / "__init__.py"
    source.write_text("import nowhere\n")
    with pytest.raises(CommandFailed, match="imports"):
        await ensure(part, layout, console)
    source.write_text("answer = 42\n")
    assert await ensure(part, layout, console)


async def test_paths_are_importable(layout: Layout, console: Console, tmp_path: Path) -> None:
    folder = layout.root / "client"
    (layout.root / "library").mkdir()
    (layout.root / "library" / "there.py").write_text("")
    folder.mkdir()
    (folder / "requirements.lock").write_text(locked("iniconfig"))
    client = Environment(folder, paths=("library",), imports=("there",))
    assert await ensure(client, layout, console)
