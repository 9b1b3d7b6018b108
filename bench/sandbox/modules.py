"""WebAssembly modules: how fast a compiled one starts, and how fast it is beside native code."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path

from bench.process import ROOT
from bench.report import Line
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout

ALONE = Path(__file__).with_name("modules_alone.py")
SOURCE = ROOT / "executor_pywasm" / "examples" / "wasm" / "c" / "fft.c"
START_MS = 1.0
SLOWER = 1.2


async def measure() -> list[Line]:
    """Start, execution, and the languages that are there."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "fft.so")
        native = [str(library)] if await _compile(library) else []
        environment = {**os.environ, "EDGEMESH_CACHE": str(Layout.here().cache)}
        process = await asyncio.create_subprocess_exec(
            *(str(interpreter(ROOT / "executor_pywasm")), str(ALONE), *native),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{ALONE.name} ended with status {process.returncode}")
    found: dict[str, float] = json.loads(said)
    execution = "wasm: 100 transforms of 16,384 points, by native (C, -O2)"
    lines = [
        Line.most("wasm: a function of a compiled module", found["function"], "ms", START_MS),
        Line.most("wasm: a compiled program (Rust, stdin)", found["program"], "ms", START_MS),
        Line.most(execution, found["guest"] / found["native"], "x", SLOWER)
        if "native" in found
        else Line.none(execution, "no C compiler is here"),
        Line("  the module's time", found["guest"], "ms"),
        Line("  its first call: 66 kB are compiled", found["compile"], "ms"),
    ]
    for name in ("javascript", "ruby"):
        what = f"{name}: 1 + 1 in a fresh interpreter"
        if name in found:
            lines.append(Line(what, found[name], "ms"))
        else:
            lines.append(Line.none(what, "it was not made at set-up"))
    return lines


async def _compile(library: Path) -> bool:
    """The example for this machine, by the same optimisations; False where there is no compiler."""
    command = ("cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-lm")
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except FileNotFoundError:
        return False
    return not await process.wait()
