"""What a worker process runs: the confined runner, if it fits this machine.

Rules: what no other worker could mend (images that are not there, or for another processor; walls
that are demanded and cannot stand) is told as a bad set-up, which ends an executor that has not
served yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemesh_executor_pywasm.confined import confined
from edgemesh_executor_pywasm.runner import PyWasmRunner
from edgemesh_executor_pywasm.walls import WallsMissing
from edgemesh_sandbox.errors import ArtifactError
from mesh_service.setups import BadSetup


def fitted(config: Mapping[str, Any]) -> PyWasmRunner:
    """The worker's runner, as `confined` makes it. Raises BadSetup."""
    try:
        return confined(config)
    except ArtifactError as error:
        raise BadSetup("EDGEMESH_PYWASM_IMAGES_DIR", str(error)) from None
    except WallsMissing as error:
        mend = "set it to best, or start it where they stand"
        raise BadSetup("EDGEMESH_PYWASM_WALLS", str(error), mend) from None
