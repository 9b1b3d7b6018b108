"""Executors in containers: start, scale, replace and remove them, on a Docker engine.

with Manager() as manager:
    placements = manager.up(Spec(executor="cpp", gateway="edgemesh_gateway_1"), replicas=2)
    print(executors(placements))  # {"cpp": ["cpp-1:50061", "cpp-2:50061"]}
"""

from edgemesh_containers import errors
from edgemesh_containers.engine import DockerEngine, Engine
from edgemesh_containers.errors import ContainersError
from edgemesh_containers.health import Health
from edgemesh_containers.manager import Manager
from edgemesh_containers.placement import Placement, executors
from edgemesh_containers.spec import Spec

__all__ = [
    "ContainersError",
    "DockerEngine",
    "Engine",
    "Health",
    "Manager",
    "Placement",
    "Spec",
    "errors",
    "executors",
]
