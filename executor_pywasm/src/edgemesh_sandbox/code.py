"""The code module: the guest's Python without its memory, compiled once per machine.

Rules: compiling costs about two minutes of processor time, so it is done at set-up only and
kept; beside the compiled code lies the module of the memory a first Python starts from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import wasmtime

from edgemesh_sandbox.cache import Artifact, publish
from edgemesh_sandbox.distribution import MODULE, PINS
from edgemesh_sandbox.engine import fingerprint
from edgemesh_sandbox.wasm import split

COMPILED = "code.cwasm"
FIRST_MEMORY = "memory.wasm"

_RECIPE = 1  # counts up when what is written changes for the same inputs


def code_folder(images: Path, engine: wasmtime.Engine) -> Path:
    """Where the code module for this engine, machine and distribution lies."""
    parts = (str(_RECIPE), fingerprint(engine), PINS[MODULE])
    return images / f"code-{hashlib.sha256(':'.join(parts).encode()).hexdigest()[:16]}"


def compile_code(folder: Path, engine: wasmtime.Engine, module: Path) -> Artifact:
    """Split and compile the file `module` into the artefact `folder`."""

    def write(draft: Path) -> None:
        parts = split(module.read_bytes())
        (draft / FIRST_MEMORY).write_bytes(parts.memory)
        (draft / COMPILED).write_bytes(wasmtime.Module(engine, parts.code).serialize())

    return publish(folder, write)
