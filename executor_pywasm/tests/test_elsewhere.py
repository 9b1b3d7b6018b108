"""Where there is no /proc and none of POSIX' modules the sandbox is slower, and works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgemesh_sandbox.built import Built

PROGRAM = """
import asyncio, multiprocessing, os, random, sys, tempfile, wasmtime, zoneinfo
for name in missing:
    sys.modules[name] = None  # importing it fails
sys.platform = platform
for name in ("pidfd_open", "geteuid"):
    if hasattr(os, name):
        delattr(os, name)
real = os.open
def open_but_proc(path, *more, **named):
    if "/proc" in str(path):
        raise FileNotFoundError(path)
    return real(path, *more, **named)
os.open = open_but_proc
from pathlib import Path
from edgemesh_sandbox import Sandbox, pages
with Sandbox(Path(sys.argv[1])) as sandbox:
    for n in range(3):
        assert sandbox.run("n = inputs['n']; output = sorted(range(n))", {"n": n + 2}).ok
        sandbox.prepare()
    assert sandbox.run("output = 'n' in globals()").result is False
assert not pages.supported()
print("done")
"""


@pytest.mark.parametrize(
    ("platform", "missing"), [("darwin", []), ("win32", ["fcntl", "resource"])]
)
def test_without_linux(built: Built, platform: str, missing: list[str]) -> None:
    code = f"platform, missing = {platform!r}, {missing!r}\n{PROGRAM}"
    folder = str(built.image.folder.parent)
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr
