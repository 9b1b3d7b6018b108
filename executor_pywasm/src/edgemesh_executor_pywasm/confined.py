"""What a worker process runs: the runner, behind its walls.

Rules: the only way in which the executor starts one; walls are raised in every worker, and a
setting decides no more than whether one that cannot stand keeps the worker from starting.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edgemesh_executor_pywasm.runner import PyWasmRunner
from edgemesh_executor_pywasm.walls import Ground, raise_walls, readable


def confined(config: Mapping[str, Any]) -> PyWasmRunner:
    """The worker's runner; `config` is that of the runner, and `walls`: `strict` and `uid`.

    Raises `ArtifactError`, and `WallsMissing` where walls are strict.
    """
    strict = bool(config["walls"]["strict"])
    return PyWasmRunner(config, partial(raise_walls, ground(config), strict=strict))


def ground(config: Mapping[str, Any]) -> Ground:
    """What the walls are raised around."""
    return Ground(readable(Path(config["images"])), int(config["walls"]["uid"]))
