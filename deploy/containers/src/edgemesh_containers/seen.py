"""What an engine says of itself and of what it has, as values.

Rules: an engine's answers are read here and nowhere else; what they lack is as if it were not so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemesh_containers import names
from edgemesh_containers.spec import Spec

RUNNING, HEALTHY, UNHEALTHY = "running", "healthy", "unhealthy"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""A machine's name for itself → images' name for it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """An engine."""

    runtimes: tuple[str, ...]
    memory_bytes: int
    architecture: str

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Facts:
        """Of what `docker info` says."""
        machine = str(info.get("Architecture", ""))
        return cls(
            runtimes=tuple(info.get("Runtimes") or ()),
            memory_bytes=int(info.get("MemTotal") or 0),
            architecture=ARCHITECTURES.get(machine, machine),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An image."""

    architecture: str
    checks_health: bool

    @classmethod
    def read(cls, attrs: Mapping[str, Any]) -> Image:
        """Of what `docker image inspect` says."""
        check = (attrs.get("Config") or {}).get("Healthcheck") or {}
        return cls(
            architecture=str(attrs.get("Architecture") or ""),
            checks_health=(check.get("Test") or ["NONE"])[0] != "NONE",
        )


@dataclass(frozen=True, slots=True)
class Network:
    """A network."""

    fleet: str
    internal: bool
    members: frozenset[str]
    """Names of the containers that are in it and run."""

    @classmethod
    def read(cls, attrs: Mapping[str, Any]) -> Network:
        """Of what `docker network inspect` says."""
        return cls(
            fleet=(attrs.get("Labels") or {}).get(names.LABEL_FLEET, ""),
            internal=bool(attrs.get("Internal")),
            members=frozenset(each["Name"] for each in (attrs.get("Containers") or {}).values()),
        )


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a fleet."""

    id: str
    name: str
    labels: Mapping[str, str]
    status: str
    health: str
    """starting, healthy, unhealthy; empty: it is not looked after."""
    exit_code: int
    out_of_memory: bool
    restarts: int
    aliases: frozenset[str]
    """What it is called in its group's network."""

    @classmethod
    def read(cls, attrs: Mapping[str, Any]) -> Container:
        """Of what `docker inspect` says."""
        state = attrs.get("State") or {}
        labels = dict((attrs.get("Config") or {}).get("Labels") or {})
        networks = (attrs.get("NetworkSettings") or {}).get("Networks") or {}
        return cls(
            id=str(attrs["Id"]),
            name=str(attrs["Name"]).lstrip("/"),
            labels=labels,
            status=str(state.get("Status", "")),
            health=str((state.get("Health") or {}).get("Status", "")),
            exit_code=int(state.get("ExitCode") or 0),
            out_of_memory=bool(state.get("OOMKilled")),
            restarts=int(attrs.get("RestartCount") or 0),
            aliases=frozenset(
                alias for each in networks.values() for alias in (each.get("Aliases") or ())
            ),
        )

    @property
    def running(self) -> bool:
        """Whether it runs, healthy or not."""
        return self.status == RUNNING

    @property
    def group(self) -> names.Group:
        """Whose it is."""
        return names.Group.read(self.labels)

    @property
    def number(self) -> int:
        """Of which replica it is."""
        return int(self.labels.get(names.LABEL_NUMBER, "0"))

    @property
    def spec(self) -> Spec:
        """What it was made by. Raises BadSpec."""
        return Spec.from_json(self.labels.get(names.LABEL_SPEC, ""))
