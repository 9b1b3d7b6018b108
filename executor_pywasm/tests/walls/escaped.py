"""A worker whose guest has broken out: it runs Python of the host's, behind the walls.

Rules: only for tests. The worker is the executor's own, loaded and walled as always; but a request
can name a probe, which runs natively. `only` names the walls that are raised, so that each can be
tried with the others broken, and every probe with none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import probes

from edgemesh_executor_pywasm.confined import ground
from edgemesh_executor_pywasm.runner import PyWasmRunner
from edgemesh_executor_pywasm.walls import WALLS, raise_walls
from mesh_service.executor import Call, Reply


class Escaped(PyWasmRunner):
    """Runs probes natively, and programs as always."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        walls = [wall for wall in WALLS if wall.name in config["only"]]
        strict = bool(config["walls"]["strict"])
        super().__init__(config, partial(raise_walls, ground(config), strict=strict, walls=walls))

    def run(self, call: Call) -> Reply:
        """Run the probe that the request names, or its program."""
        name = call.parameters.get("probe")
        if name is None:
            return super().run(call)
        if name == "walls":
            return Reply(result={wall.name: [wall.stands, wall.detail] for wall in self.walls})
        return Reply(result=probes.probe(name, call.parameters["arguments"]))
