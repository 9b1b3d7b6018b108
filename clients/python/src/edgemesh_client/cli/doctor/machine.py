"""This machine: whether a mesh could run on it.

Rules: what is asked is what stops a mesh, with what it takes at least; figures are the kernel's.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgemesh_client.cli import house
from edgemesh_client.cli.shapes import Finding

_GIB = 1 << 30
_MEMORY = 2 * _GIB
"""A gateway and three executors with two workers each, and their models."""
_DISK = 2 * _GIB
_SPACE = 64 * _GIB
"""Wasmtime reserves gigabytes of addresses for each sandbox, whatever it uses."""
_FILES = 1024
_PYTHONS = (
    *("python3", "python3.14", "python3.13", "python3.12", "python3.11"),
    "/usr/bin/python3",
)
"""Where the bootstrap of a checkout looks, in this order."""
_USABLE = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def examine() -> Iterator[Finding]:
    """All of it."""
    yield _python()
    yield _memory()
    yield _address_space()
    yield _open_files()
    folder = house.cache()
    state = _state(folder)
    yield state
    if state.ok:
        yield _disk(folder)


def _python() -> Finding:
    seen = list[str]()
    for name in _PYTHONS:
        path = shutil.which(name)
        if path is None:
            continue
        said = _ask(path, "--version").removeprefix("Python ")
        if _works(path):
            return Finding("python", True, f"{path}, {said}")
        seen.append(f"{path} is {said or 'of no use'}")
    found = f"3.11 or newer with venv is needed; {', '.join(seen) or 'there is none'}"
    return Finding("python", False, found, "apt-get install -y python3 python3-venv")


def _ask(path: str, *words: str) -> str:
    try:
        asked = subprocess.run([path, *words], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()


def _works(path: str) -> bool:
    try:
        asked = subprocess.run([path, "-c", _USABLE], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _memory() -> Finding:
    free = _available()
    found = f"{free / _GIB:.1f} GiB are free"
    if free >= _MEMORY:
        return Finding("memory", True, found)
    mend = (
        "end what takes it (ps aux --sort=-rss | head), or start less: edgemesh up --executors cpp"
    )
    return Finding("memory", False, f"{found}; a mesh wants {_MEMORY >> 30}", mend)


def _available() -> int:
    """What the kernel would give, or the group's limit where it is lower."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    table = dict(line.split(":", 1) for line in lines if ":" in line)
    free = int(table["MemAvailable"].split()[0]) * 1024
    for limit in _LIMITS:
        try:
            free = min(free, int(limit.read_text()))
        except (OSError, ValueError):  # there is none, or it says `max`
            continue
    return free


def _address_space() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft >= _SPACE:
        return Finding("addresses", True, "no limit that matters")
    found = f"at most {soft / _GIB:.1f} GiB of address space; each sandbox reserves several"
    return Finding("addresses", False, found, "ulimit -v unlimited")


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= _FILES:
        return Finding("open-files", True, f"{soft} at most")
    most = max(hard, _FILES)
    mend = f"ulimit -n {most}" + (" (as root)" if hard < _FILES else "")
    return Finding("open-files", False, f"{soft} at most; {_FILES} are wanted", mend)


def _state(folder: Path) -> Finding:
    """Whether what is built and kept can be written; it is made where it is missing."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        found = f"{there} cannot be written: {error.strerror}"
        mend = f"chown -R $(id -u) {there}, or export EDGEMESH_CACHE=/a/folder/of/yours"
        return Finding("state", False, found, mend)
    return Finding("state", True, str(folder))


def _disk(folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / _GIB:.1f} GiB are free at {there}"
    if free >= _DISK:
        return Finding("disk", True, found)
    mend = f"rm -rf {folder}/cargo-target makes room; or export EDGEMESH_CACHE=/a/larger/place"
    return Finding("disk", False, f"{found}; {os.fspath(folder)} wants {_DISK >> 30}", mend)
