"""Whole builds and commands, of a small house: real environments, steps and processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_house import furnish

from edgemesh_local import cli
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.session import Session


@pytest.fixture
def small(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    furnish(layout)

    def here() -> Layout:
        return layout

    monkeypatch.setattr(Layout, "here", here)
    return layout


def said(console: Path) -> list[str]:
    """What was said, without durations."""
    lines = console.read_text().splitlines()
    console.write_text("")
    return [" ".join(line.split("  ")[:-1] or [line]).replace("  ", " ") for line in lines]


async def test_a_second_build_does_nothing_and_a_damaged_one_is_mended(
    small: Layout, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    session = Session(small, Console(out=out.open("a")))
    await session.build()
    first = said(out)
    for label in ("one part", "executor_one/.venv", "one inside", "gateway/.venv"):
        assert f"ok {label}" in first
    await session.build()
    assert said(out) == ["built"]
    (small.root / "executor_one" / ".venv" / "bin" / "python").unlink()
    next(small.cache.glob("parts/*/part")).unlink()
    await session.build()
    mended = " ".join(said(out))
    assert "executor_one/.venv" in mended
    assert "one part" in mended
    assert "gateway" not in mended


def test_the_commands(small: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--executors", "one"]) == 0
    assert "the demo reached 127.0.0.1" in capfd.readouterr().out
    assert cli.main(["test", "--only", "one,tests"]) == 0
    printed = capfd.readouterr().out
    assert "1 passed" in printed
    assert "one own check" in printed
    assert cli.main(["test", "--only", "no-such-part"]) == 1
    assert cli.main(["lint", "--only", "locks"]) == 0
    (small.root / "gateway" / "requirements.in").touch()
    (small.root / "gateway" / "requirements.lock").write_text("a @ file:///here")
    assert cli.main(["lint", "--only", "locks"]) == 1
    for _ in range(2):
        assert cli.main(["brought"]) == 0
        images = small.root / "dist" / "images"
        assert (images / "one" / "brought").exists()
        assert (images / "gateway" / "wheels").is_dir()
        (images / "one" / "brought").unlink()
    assert cli.main(["clean"]) == 0
    assert not list(small.root.glob("**/.venv"))


def test_what_a_person_can_mend_is_told_in_a_line(
    small: Layout, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["build", "--executors", "three"]) == 1
    assert "EXECUTORS: no executor 'three'; there are one" in capfd.readouterr().out
    toml = small.root / "executor_one" / "service.toml"
    toml.write_text(toml.read_text().replace('GREETING = "1 passed", CODE = "0"', 'CODE = "3"'))
    assert cli.main(["test", "--only", "one own"]) == 1
    assert "FAILED" in capfd.readouterr().out
    toml.write_text(toml.read_text().replace('"{python}", "-c"', '"{python}", "-x"'))
    assert cli.main(["build"]) == 1
    assert "its whole output: " in capfd.readouterr().out
    toml.write_text("name = 1")
    assert cli.main(["build"]) == 1
    assert "service.toml: service lacks" in capfd.readouterr().out


def test_help_names_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help"]) == 0
    printed = capfd.readouterr().out
    for name in cli.COMMANDS:
        assert f"make {name}" in printed
