"""System packages: installed where we may, otherwise named with the exact command."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgemesh_local import command
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout

_INSTALLED = re.compile(r"^(\S+?)(?::\w+)? installed$", re.MULTILINE)


class MissingPackages(Exception):
    """System packages are missing and we may not install them."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = tuple(packages)
        super().__init__(
            "system packages are missing; as root, run:\n  apt-get update && "
            + " ".join(install_command(packages))
        )


def install_command(packages: Sequence[str]) -> list[str]:
    """What installs them on Debian."""
    return ["apt-get", "install", "-y", "--no-install-recommends", *packages]


def _has_python_headers() -> bool:
    return Path(sysconfig.get_path("include"), "Python.h").exists()


_OTHERWISE = {"python3-dev": _has_python_headers}
"""Packages that are not missed where what they bring is there from elsewhere."""
_turn = asyncio.Lock()


async def missing(packages: Iterable[str]) -> list[str]:
    """Those that Debian's package database does not call installed; none where there is none."""
    wanted = sorted(name for name in set(packages) if not _OTHERWISE.get(name, bool)())
    if not wanted or shutil.which("dpkg-query") is None:
        return []
    # It fails when it does not know one of them, and still prints the others.
    listing = await command.read(
        [
            "sh",
            "-c",
            'dpkg-query -W -f="\\${Package} \\${db:Status-Status}\\n" "$@" || :',
            "dpkg-query",
            *wanted,
        ]
    )
    installed = set(_INSTALLED.findall(listing or ""))
    return [name for name in wanted if name not in installed]


async def ensure_packages(packages: Iterable[str], layout: Layout, console: Console) -> None:
    """Install what is missing. Raises MissingPackages without the right to, CommandFailed."""
    async with _turn:
        await _ensure(packages, layout, console)


async def _ensure(packages: Iterable[str], layout: Layout, console: Console) -> None:
    lacking = await missing(packages)
    if not lacking:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingPackages(lacking)
    label = f"system packages {' '.join(lacking)}"
    console.started(label)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    for number, words in enumerate((["apt-get", "update"], install_command(lacking))):
        await command.run(
            label,
            [words[0], *wait, *words[1:]],
            cwd=layout.root,
            env=env,
            log=layout.logs / f"apt-{number}.log",
            console=console,
        )
