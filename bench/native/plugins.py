"""A process that runs cases through the executor's host module, told on stdin, telling on stdout.

    python -m bench.native.plugins FOLDER THREADS PLUGINS…

Rules: inputs are those that the other side left in FOLDER; outputs go to memory that was used
before, as a worker's segments have been; the clock runs around the plugin's run alone.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgemesh_cpp_host as host  # pyright: ignore[reportMissingImports]
from bench.native.cases import BY_NAME, Case
from edgemesh_executor_cpp.processor import (
    this_blas_core,  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
)


@dataclass(frozen=True)
class Tensor:
    """An input."""

    dtype: int
    shape: tuple[int, ...]
    data: memoryview


class Memory:
    """Gives the same memory for the same sizes, run after run."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int], mmap.mmap] = {}
        self._given = 0

    def again(self) -> None:
        """Another run begins."""
        self._given = 0

    def allocate(self, nbytes: int) -> memoryview:
        """Memory for an output."""
        self._given += 1
        key = (self._given, nbytes)
        if key not in self._blocks:
            self._blocks[key] = mmap.mmap(-1, nbytes)
        return memoryview(self._blocks[key])


def main(folder: Path, threads: int, paths: list[str]) -> None:
    """Serve until stdin ends."""
    if core := this_blas_core():
        os.environ.setdefault("OPENBLAS_CORETYPE", core)  # as workers have it
    plugins = {
        one["name"]: plugin
        for plugin in map(host.Plugin, paths)
        for one in json.loads(plugin.describe())["algorithms"]
    }
    memory = Memory()
    print(json.dumps(sorted(plugins)), flush=True)
    for line in sys.stdin:
        case = BY_NAME[line.strip()]
        memory.again()
        inputs = _inputs(folder, case)
        parameters = json.dumps(case.parameters)
        began = time.perf_counter()
        run = plugins[case.algorithm].run(
            case.algorithm, parameters, inputs, memory.allocate, threads=threads
        )
        took = (time.perf_counter() - began) * 1e3
        output = run.outputs[case.compared]
        (folder / "output").write_bytes(output.data)
        print(json.dumps({"ms": took, "dtype": output.dtype, "shape": output.shape}), flush=True)


def _inputs(folder: Path, case: Case) -> dict[str, Tensor]:
    described: dict[str, Any] = json.loads((folder / f"{case.algorithm}.json").read_text())
    return {
        name: Tensor(
            host.DTYPES[one["dtype"]],
            tuple(one["shape"]),
            memoryview(_mapped(folder / f"{case.algorithm}.{name}")),
        )
        for name, one in described.items()
    }


def _mapped(path: Path, kept: dict[Path, mmap.mmap] = {}) -> mmap.mmap:  # noqa: B006
    if path not in kept:
        with path.open("rb") as file:
            kept[path] = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return kept[path]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
