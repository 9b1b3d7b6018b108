"""What a container of an executor is to be. A value: checked when it is made, kept on a label.

Rules: knows no engine. What is equal makes equal containers; what is not said is as
`deploy/compose.yaml` has it. There is no field for a secret: those are files in a volume.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from edgemesh_containers.errors import BadSpec
from edgemesh_containers.kinds import KINDS, Kind
from edgemesh_containers.names import EXECUTOR, TENANT, Group

MIB = 1 << 20
GIB = 1 << 30
SECRETS_AT = "/etc/edgemesh"
"""Where the volume of secrets lies in every container of the mesh."""
STATE_AT = "/var/lib/edgemesh"
"""What a replica keeps: caches, sessions."""
_TAKEN = ("/tmp", "/dev", "/proc", "/sys", SECRETS_AT, STATE_AT)  # noqa: S108

_SOURCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*|/[^:]*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|(^|_)KEY(_|$)")
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """An executor's containers. Raises BadSpec."""

    executor: str
    """cpp, ml, pywasm, or the name of another executor."""
    tenant: str = ""
    """Whose they are; empty: everybody's."""
    image: str = ""
    """By default `edgemesh-<executor>:latest`."""
    runtime: str = "runc"
    """The OCI runtime, by the name that the engine knows it by."""
    gateway: str = ""
    """The gateway's container, which is brought into their network; empty: somebody else does."""
    port: int = 0
    """On which the executor serves gRPC; 0: as `kinds` has it."""
    publish: str = ""
    """`host:port` of this machine for the first replica, the next port for the second, and so on:
    for a gateway that is in no container. Their network is not closed then."""
    memory_bytes: int = 4 * GIB
    cpus: float = 2.0
    pids: int = 0
    """Processes and threads of a container; 0: as `kinds` has it."""
    shm_bytes: int = 256 * MIB
    tmp_bytes: int = 64 * MIB
    """What /tmp may hold, which is memory."""
    secrets: str = "edgemesh_secrets"  # a volume's name
    """Volume or folder with `mesh.toml`, the mesh's secret."""
    mounts: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Further folders, to be read alone: where → a volume or an absolute path."""
    environment: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Settings of the executor."""

    def __post_init__(self) -> None:
        _matches("executor", EXECUTOR, self.executor, "lower-case letters and digits")
        _matches("tenant", TENANT, self.tenant, "lower-case letters, digits and inner dashes")
        if self.executor not in KINDS and not self.port:
            raise BadSpec("port", f"one, since {self.executor} is none of {', '.join(KINDS)}", 0)
        if not self.image:
            object.__setattr__(self, "image", f"edgemesh-{self.executor}:latest")
        if not self.port:
            object.__setattr__(self, "port", self.kind.port)
        if not self.pids:
            object.__setattr__(self, "pids", self.kind.pids)
        object.__setattr__(self, "cpus", float(self.cpus))
        object.__setattr__(self, "mounts", MappingProxyType(dict(self.mounts)))
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))
        self._check()

    @property
    def kind(self) -> Kind:
        """What its executor needs."""
        return KINDS.get(self.executor) or Kind(port=self.port, alone=True)

    @property
    def alone(self) -> bool:
        """Whether two containers can never be the same replica at once."""
        return self.kind.alone or bool(self.publish)

    def group(self, fleet: str) -> Group:
        """Whose names its containers have in a fleet."""
        return Group(fleet, self.executor, self.tenant)

    def published(self, number: int) -> tuple[str, int] | None:
        """Host and port at which a replica is published; None: it is not."""
        if not self.publish:
            return None
        host, _, port = self.publish.rpartition(":")
        return host.strip("[]"), int(port) + number - 1

    def address(self, number: int) -> str:
        """What the gateway is told of a replica."""
        if self.publish:
            host, _, port = self.publish.rpartition(":")
            return f"{host}:{int(port) + number - 1}"
        return f"{Group('', self.executor, self.tenant).alias(number)}:{self.port}"

    def differs(self, other: Spec) -> list[str]:
        """Names of the fields in which another one differs."""
        names = (each.name for each in dataclasses.fields(self))
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def to_json(self) -> str:
        """As it is kept on a label."""
        said = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return json.dumps(
            said | {"mounts": dict(self.mounts), "environment": dict(self.environment)}
        )

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """What `to_json` has made, perhaps by a version with other fields. Raises BadSpec."""
        try:
            said: dict[str, Any] = json.loads(text)
            known = {each.name for each in dataclasses.fields(cls)}
            return cls(**{name: value for name, value in said.items() if name in known})
        except (TypeError, ValueError, AttributeError) as error:
            raise BadSpec("label", f"a specification ({error})", text) from None

    def _check(self) -> None:
        _between("port", self.port, 1, 65535)
        # The engine's own least is 6 MiB.
        _between("memory_bytes", self.memory_bytes, 6 * MIB, 1 << 50)
        _between("pids", self.pids, 1, 1 << 22)
        _between("shm_bytes", self.shm_bytes, MIB, 1 << 50)
        _between("tmp_bytes", self.tmp_bytes, MIB, 1 << 50)
        if not 0.01 <= self.cpus <= 4096:
            raise BadSpec("cpus", "0.01 to 4096", self.cpus)
        for name in ("image", "runtime"):
            if not re.fullmatch(r"[^\s-]\S*", getattr(self, name)):
                raise BadSpec(name, "a name", getattr(self, name))
        _matches("secrets", _SOURCE, self.secrets, "a volume, or an absolute path")
        for target, source in self.mounts.items():
            inside = f"{target.rstrip('/')}/"
            if not target.startswith("/") or inside == "/" or "/../" in inside:
                raise BadSpec("mounts", "an absolute path in the container", target)
            if any(inside.startswith(f"{taken}/") for taken in _TAKEN):
                raise BadSpec("mounts", f"a path that is none of {', '.join(_TAKEN)}", target)
            _matches("mounts", _SOURCE, source, "a volume, or an absolute path")
        for name, value in self.environment.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise BadSpec("environment", "a name of capitals, and a text", f"{name}={value}")
            if _SECRET.search(name):
                raise BadSpec("environment", "no secret: it belongs in a file of `secrets`", name)
        if self.publish:
            host, _, port = self.publish.rpartition(":")
            if not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65000:
                raise BadSpec("publish", "<address>:<port>, with room for more", self.publish)
            try:
                ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
            except ValueError:
                raise BadSpec("publish", "an address of this machine", self.publish) from None


def _matches(field: str, pattern: re.Pattern[str], got: str, expected: str) -> None:
    if not pattern.fullmatch(got):
        raise BadSpec(field, expected, got)


def _between(field: str, got: int, least: int, most: int) -> None:
    if not least <= got <= most:
        raise BadSpec(field, f"{least} to {most}", got)
