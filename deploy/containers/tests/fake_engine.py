"""An engine in memory: keeps to the rules of a real one that a manager counts on.

A name, a published port and the lock on a replica's state are each had by one at a time; a
container's health is what its image's name says it will be.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgemesh_containers import errors, names
from edgemesh_containers.arguments import STATE_AT
from edgemesh_containers.names import Group
from edgemesh_containers.seen import Container, Facts, Image, Network

GIB = 1 << 30
ENDS, SICK, SLOW, LOCKS = "ends", "sick", "slow", "locks"
"""Parts of an image's name: it ends, is unhealthy, never says; demands its state for itself."""


class Died(BaseException):
    """The manager is gone, in the midst of what it did."""


@dataclass
class Made:
    """A container as it was asked for, and as it is."""

    arguments: dict[str, Any]
    name: str
    state: str = "created"
    health: str = ""
    restarts: int = 0
    exit_code: int = 0
    networks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def host(self) -> dict[str, Any]:
        return dict(self.arguments["host_config"])

    @property
    def ports(self) -> set[tuple[str, str]]:
        bound = self.host.get("PortBindings") or {}
        return {(b["HostIp"], b["HostPort"]) for each in bound.values() for b in each}

    @property
    def state_volume(self) -> str:
        found = [m["Source"] for m in self.host["Mounts"] if m["Target"] == STATE_AT]
        return str(found[0]) if found else ""


class FakeEngine:
    """See above. `doing` has every change that was asked for, in order."""

    def __init__(self, memory_bytes: int = 64 * GIB) -> None:
        self.memory_bytes = memory_bytes
        self.runtimes = ("runc", "crun")
        self.architecture = "amd64"
        self.images = {"edgemesh-cpp:latest", "edgemesh-ml:latest", "edgemesh-pywasm:latest"}
        self.unchecked: set[str] = set()
        self.made: dict[str, Made] = {}
        self.foreign: dict[str, set[str]] = {"gateway-1": {"front"}}
        self.nets: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, Group] = {}
        self.other_volumes = {"edgemesh_secrets"}
        self.doing: list[tuple[str, str]] = []
        self.dies_at = -1
        self.closed = False
        self._ids = itertools.count(1)

    def _does(self, what: str, name: str) -> None:
        if len(self.doing) == self.dies_at:
            raise Died
        self.doing.append((what, name))

    # What a manager sees.

    def facts(self) -> Facts:
        return Facts(self.runtimes, self.memory_bytes, self.architecture)

    def promised_bytes(self) -> int:
        return sum(each.host["Memory"] for each in self.made.values() if each.state == "running")

    def image(self, name: str) -> Image:
        if name not in self.images:
            raise errors.ImageMissing(name)
        return Image("amd64", name not in self.unchecked)

    def has_source(self, source: str) -> bool:
        return source in self.other_volumes or source in self.kept

    def networks_of(self, container: str) -> frozenset[str] | None:
        if container in self.foreign:
            return frozenset(self.foreign[container])
        found = [each for id, each in self.made.items() if container in (id, each.name)]
        return frozenset(found[0].networks) if found else None

    def containers(self, fleet: str) -> list[Container]:
        found = [self._seen(id) for id in self.made]
        ours = [each for each in found if each.labels.get(names.LABEL_FLEET) == fleet]
        return sorted(ours, key=lambda each: each.name)

    def container(self, id: str) -> Container | None:
        return self._seen(id) if id in self.made else None

    def said(self, id: str) -> str:
        return f"{self.made[id].name} says"

    def network(self, name: str) -> Network | None:
        if name not in self.nets:
            return None
        inside = [each for each, networks in self.foreign.items() if name in networks]
        inside += [
            m.name for m in self.made.values() if name in m.networks and m.state == "running"
        ]
        labels = self.nets[name]["labels"] or {}
        fleet = labels.get(names.LABEL_FLEET, "")
        return Network(fleet, self.nets[name]["internal"], frozenset(inside))

    def volumes(self, fleet: str) -> dict[str, Group]:
        return {name: group for name, group in self.kept.items() if group.fleet == fleet}

    # What a manager does.

    def create(self, arguments: Mapping[str, Any]) -> str:
        self._does("create", arguments["name"])
        if arguments["name"] in {*(each.name for each in self.made.values()), *self.foreign}:
            raise errors.NameInUse(arguments["name"])
        id = f"{next(self._ids):064x}"
        endpoints = arguments["networking_config"]["EndpointsConfig"]
        networks: dict[str, list[str]] = {
            name: list(each.get("Aliases") or ()) for name, each in endpoints.items()
        }
        assert set(networks) <= set(self.nets), "a network that there is not"
        self.made[id] = Made(dict(arguments), arguments["name"], networks=networks)
        return id

    def start(self, id: str) -> None:
        made = self.made[id]
        self._does("start", made.name)
        others = [e for e in self.made.values() if e is not made and e.state == "running"]
        for other in others:
            if taken := made.ports & other.ports:
                raise errors.PortInUse(":".join(next(iter(taken))))
        image = made.arguments["image"]
        locked = any(e.state_volume == made.state_volume for e in others if made.state_volume)
        made.state, made.health = "running", "healthy"
        if ENDS in image or (LOCKS in image and locked):
            made.state, made.exit_code = "exited", 78
        elif SICK in image:
            made.health = "unhealthy"
        elif SLOW in image:
            made.health = "starting"

    def stop(self, id: str, timeout_s: int) -> None:
        self._does("stop", self.made[id].name)
        self.made[id].state = "exited"

    def rename(self, id: str, name: str) -> None:
        self._does("rename", name)
        assert name not in {each.name for each in self.made.values()}
        self.made[id].name = name

    def delete(self, id: str) -> None:
        self._does("delete", self.made[id].name if id in self.made else id)
        self.made.pop(id, None)

    def create_network(self, arguments: Mapping[str, Any]) -> None:
        self._does("create network", arguments["name"])
        self.nets[arguments["name"]] = dict(arguments)

    def delete_network(self, name: str) -> None:
        self._does("delete network", name)
        network = self.network(name)
        assert network is None or not network.members
        self.nets.pop(name, None)

    def join(self, network: str, container: str, aliases: list[str]) -> None:
        self._does("join", container)
        if container in self.foreign:
            self.foreign[container].add(network)
        else:
            assert network not in self.made[container].networks
            self.made[container].networks[network] = list(aliases)

    def leave(self, network: str, container: str) -> None:
        self._does("leave", container)
        if container in self.foreign:
            self.foreign[container].discard(network)
        elif container in self.made:
            self.made[container].networks.pop(network, None)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self._does("create volume", name)
        self.kept.setdefault(name, Group.read(labels))

    def delete_volume(self, name: str) -> None:
        self._does("delete volume", name)
        assert not any(each.state_volume == name for each in self.made.values()), "in use"
        del self.kept[name]

    def close(self) -> None:
        self.closed = True

    # What a test sees.

    def named(self, name: str) -> Made:
        return next(each for each in self.made.values() if each.name == name)

    def serving(self) -> dict[str, str]:
        """Alias → the image of what a gateway would find there."""
        found: dict[str, str] = {}
        for each in self.made.values():
            if each.state == "running" and each.health == "healthy":
                for alias in itertools.chain(*each.networks.values()):
                    found[alias] = each.arguments["image"]
        return found

    def _seen(self, id: str) -> Container:
        made = self.made[id]
        aliases = frozenset(alias for each in made.networks.values() for alias in each)
        return Container(
            id=id,
            name=made.name,
            labels=dict(made.arguments["labels"]),
            status=made.state,
            health=made.health,
            exit_code=made.exit_code,
            out_of_memory=False,
            restarts=made.restarts,
            aliases=aliases,
        )

    def age(self, name: str, **changes: Any) -> None:
        """Something became of a container since."""
        for id, each in self.made.items():
            if each.name == name:
                self.made[id] = replace(each, **changes)
