"""What has to be so before a container is made: a bad set-up is told by its cause, and nothing is
left behind.

Rules: looks and changes nothing. What the engine refuses by itself, as a name or a port in use, it
says (`translate`).
"""

from __future__ import annotations

from edgemesh_containers import errors
from edgemesh_containers.engine import Engine
from edgemesh_containers.spec import SECRETS_AT, Spec


def check(engine: Engine, spec: Spec, more: int, *, overcommit: bool = False) -> None:
    """Whether `more` containers can be made. Raises ContainersError."""
    facts = engine.facts()
    if facts.runtimes and spec.runtime not in facts.runtimes:
        raise errors.RuntimeUnknown(spec.runtime, facts.runtimes)
    image = engine.image(spec.image)
    if image.architecture and image.architecture != facts.architecture:
        why = f"it is for {image.architecture}, and the engine's machine is {facts.architecture}"
        raise errors.ImageUnfit(spec.image, why)
    if not image.checks_health:
        raise errors.ImageUnfit(
            spec.image, "it has no health check, by which it could be waited for"
        )
    for target, source in {SECRETS_AT: spec.secrets, **spec.mounts}.items():
        if not engine.has_source(source):
            raise errors.SourceMissing(source, target)
    if spec.gateway and engine.networks_of(spec.gateway) is None:
        raise errors.GatewayMissing(spec.gateway)
    if more:
        _check_memory(engine, spec.memory_bytes, more, facts.memory_bytes, overcommit)


def _check_memory(engine: Engine, each: int, more: int, total: int, overcommit: bool) -> None:
    free = total if overcommit else total - engine.promised_bytes()
    # What one may take there must be, whatever the others do.
    needed = each if overcommit else each * more
    if needed > free:
        raise errors.NotEnoughMemory(needed, max(0, free), total)
