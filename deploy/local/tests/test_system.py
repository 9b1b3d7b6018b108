"""What the machine must have, and what is said when it has not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgemesh_local import system
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.system import MissingPackages, ensure_packages, missing
from edgemesh_local.toolchain import MissingTool, Toolchains

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no Debian")


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@needs_dpkg
async def test_only_what_is_not_installed_is_missing() -> None:
    assert await missing(["dpkg", "no-such-package"]) == ["no-such-package"]
    assert await missing([]) == []


async def test_python_s_headers_may_come_from_elsewhere() -> None:
    assert await missing(["python3-dev"]) == []


@needs_dpkg
async def test_without_the_right_to_the_command_is_named(
    layout: Layout, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingPackages) as caught:
        await ensure_packages(["no-such-package"], layout, console)
    assert str(caught.value).splitlines()[1] == (
        "  apt-get update && apt-get install -y --no-install-recommends no-such-package"
    )


@needs_dpkg
async def test_root_installs_what_is_missing(
    layout: Layout, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "apt-get", f'echo "$@" >>{tmp_path}/asked')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    await ensure_packages(["no-such-package", "dpkg"], layout, console)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].endswith("update")
    assert asked[1].endswith("install -y --no-install-recommends no-such-package")


async def test_an_old_tool_that_nothing_brings_is_named(
    layout: Layout, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "cmake", "echo cmake version 3.9.1")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    toolchains = Toolchains(layout, console)
    await toolchains.require("cmake", "3.9")
    assert toolchains.versions == {"cmake": "3.9.1"}
    with pytest.raises(MissingTool, match=r"cmake 3\.10 or newer is needed; 3\.9\.1 is there"):
        await toolchains.require("cmake", "3.10")
    with pytest.raises(MissingTool, match="it is not there"):
        await toolchains.require("no-such-tool", "1.0")


async def test_an_old_rust_is_replaced(
    layout: Layout, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What puccinialin brings is put there already: only the way to it is tested.
    program(tmp_path / "bin", "rustc", "echo rustc 1.63.0")
    home = layout.cache / "rust"
    (home / "cargo").mkdir(parents=True)
    (home / "complete").touch()
    program(home / "cargo" / "bin", "rustc", "echo rustc 1.95.0 in $RUSTUP_HOME")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    toolchains = Toolchains(layout, console)
    assert not await toolchains.has("cargo", "1.89")
    monkeypatch.setattr("edgemesh_local.toolchain.tool_environment", _made)
    await toolchains.require("cargo", "1.89")
    assert toolchains.versions["cargo"] == "1.95.0"
    env = toolchains.env({"PATH": "/usr/bin"})
    assert env["RUSTUP_HOME"] == str(home / "rustup")
    assert env["PATH"] == f"{home}/cargo/bin:/usr/bin"


async def _made(layout: Layout, _lock: Path, _console: Console) -> Path:
    return layout.tools / "rust"


async def test_apt_s_failure_is_a_failure(
    layout: Layout, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "apt-get", "echo could not lock; exit 100")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system, "missing", _none_there)
    with pytest.raises(CommandFailed) as caught:
        await ensure_packages(["a"], layout, console)
    assert caught.value.tail() == "could not lock\n"


async def _none_there(packages: list[str]) -> list[str]:
    return packages
