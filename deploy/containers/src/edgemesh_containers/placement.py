"""Where an executor runs: one replica, as a caller of the manager sees it; and what the gateway is
told of several.

Rules: values. The gateway reads its list of addresses when it starts, and belongs a session to one
of them as they are written: so the same replicas give the same list, in order of their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from edgemesh_containers.seen import Container

EXECUTORS = "EDGEMESH_GATEWAY_EXECUTORS"
"""The gateway's variable."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A replica."""

    executor: str
    tenant: str
    number: int
    name: str
    """The container's."""
    id: str
    address: str
    """What the gateway is told."""
    image: str
    runtime: str
    state: str
    """healthy, starting, unhealthy, or what the engine says of a container that does not run."""

    @classmethod
    def of(cls, container: Container) -> Placement:
        """What a container is to callers. Raises BadSpec for a label that is none of ours."""
        spec, number = container.spec, container.number
        return cls(
            executor=spec.executor,
            tenant=spec.tenant,
            number=number,
            name=container.name,
            id=container.id,
            address=spec.address(number),
            image=spec.image,
            runtime=spec.runtime,
            state=(container.health if container.running else "") or container.status,
        )

    def to_json(self) -> str:
        """As a line for machines."""
        return json.dumps(asdict(self))


def executors(placements: Iterable[Placement], tenant: str = "") -> dict[str, list[str]]:
    """Executor → its addresses: what the gateway of all tenants, or that of one, is to be told."""
    found: dict[str, list[str]] = {}
    for each in sorted(placements, key=lambda p: (p.executor, p.number)):
        if each.tenant == tenant:
            found.setdefault(each.executor, []).append(each.address)
    return found


def variable(placements: Iterable[Placement], tenant: str = "") -> str:
    """The same as the value of `EDGEMESH_GATEWAY_EXECUTORS`."""
    return json.dumps(executors(placements, tenant))
