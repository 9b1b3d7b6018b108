"""The manager: starts, scales, replaces and removes executors' containers.

Rules: no state but the engine's: what there is, and by what it was made, is read from names and
labels at each call, so another manager goes on where one has ended. One at a time works on a fleet.
The gateway is told nothing: who starts it says what it is told (`placement.executors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from edgemesh_containers import arguments
from edgemesh_containers.checks import check
from edgemesh_containers.engine import DockerEngine, Engine
from edgemesh_containers.errors import (
    AnotherSpec,
    BadSpec,
    NameInUse,
    NetworkOpen,
    NotHealthy,
    NotThere,
)
from edgemesh_containers.health import HEALTHY_S, Health
from edgemesh_containers.names import FLEET, Group
from edgemesh_containers.placement import Placement
from edgemesh_containers.replica import Replica
from edgemesh_containers.seen import Container
from edgemesh_containers.spec import Spec

MOST = 64
"""Replicas of one executor, for one tenant."""
DEFAULT_FLEET = "fleet"


class Manager:
    """One fleet, on one engine."""

    def __init__(
        self,
        engine: Engine | None = None,
        fleet: str = DEFAULT_FLEET,
        *,
        health: Health | None = None,
        healthy_s: float = HEALTHY_S,
        overcommit: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`engine`: by default the one that DOCKER_HOST names.

        `healthy_s`: how long a container may take until it serves; `overcommit`: whether memory may
        be promised more than once; `tell`: hears a line of what is done.

        Raises BadSpec, EngineAbsent.
        """
        if not FLEET.fullmatch(fleet):
            raise BadSpec("fleet", "lower-case letters and digits", fleet)
        self.fleet = fleet
        self._engine = DockerEngine() if engine is None else engine
        self._health = health or Health(self._engine, healthy_s)
        self._overcommit, self._tell = overcommit, tell

    def __enter__(self) -> Manager:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the engine; what runs goes on."""
        self._engine.close()

    def placements(self, executor: str = "", tenant: str | None = None) -> list[Placement]:
        """All replicas, or those of an executor, or of a tenant."""
        found = [Placement.of(each) for each in self._serving()]
        wanted = [
            each
            for each in found
            if executor in ("", each.executor) and tenant in (None, each.tenant)
        ]
        return sorted(wanted, key=lambda p: (p.executor, p.tenant, p.number))

    def spec(self, executor: str, tenant: str = "") -> Spec:
        """By what its replicas were made; where they differ, the first. Raises NotThere."""
        group = Group(self.fleet, executor, tenant)
        return self._first(group).spec

    def up(self, spec: Spec, replicas: int = 1) -> list[Placement]:
        """Have so many replicas that are healthy; those that are stay as they are.

        Raises AnotherSpec where some were made otherwise, NotHealthy, or what `check` raises.
        """
        _between("replicas", replicas)
        group = spec.group(self.fleet)
        self._tidy(group)
        there = {each.number: each for each in self._serving(group)}
        for each in there.values():
            if fields := each.spec.differs(spec):
                raise AnotherSpec(each.name, fields)
        wanted = range(1, replicas + 1)
        idle = [number for number in wanted if number not in there or not there[number].running]
        check(self._engine, spec, len(idle), overcommit=self._overcommit)
        self._open(spec, group)
        made = [number for number in idle if number not in there]
        try:
            ids = [self._replica(group, number).start(spec) for number in wanted]
            self._health.wait(ids)
        except NotHealthy as error:
            # What was there before is its owner's to look at; what is new and fails is of no use.
            for number in made:
                replica = self._replica(group, number)
                if replica.name == error.placement:
                    replica.end()
            raise
        for number in idle:
            self._tell(f"{group.container(number)}: healthy")
        self._end(group, [number for number in there if number > replicas])
        return self.placements(spec.executor, spec.tenant)

    def scale(self, executor: str, replicas: int, tenant: str = "") -> list[Placement]:
        """Have so many, as those that are there. Those that go finish what they run, and what they
        keep stays for when their numbers come again. Raises NotThere, and what `up` raises.
        """
        return self.up(self.spec(executor, tenant), replicas)

    def replace(self, spec: Spec) -> list[Placement]:
        """Make all replicas anew by `spec`, one after the other; each is healthy before the one
        that it follows ends what it runs.

        Raises NotHealthy: that one, and those after it, are as before.
        """
        group = spec.group(self.fleet)
        self._tidy(group)
        self._first(group)
        check(self._engine, spec, 1, overcommit=self._overcommit)
        self._open(spec, group)
        for each in self._serving(group):
            self._replica(group, each.number).replace(spec)
            self._tell(f"{each.name}: replaced")
        return self.placements(spec.executor, spec.tenant)

    def remove(self, executor: str, tenant: str = "", *, volumes: bool = False) -> None:
        """End all replicas, which finish what they run. `volumes`: what they keep goes, too.

        Raises NotThere where there is nothing of them.
        """
        group = Group(self.fleet, executor, tenant)
        found = self._of(group)
        kept = [name for name, owner in self._engine.volumes(self.fleet).items() if owner == group]
        network = self._engine.network(group.network)
        ours = network is not None and network.fleet == self.fleet
        if not found and not (volumes and kept) and not ours:
            raise NotThere(str(group))
        numbers = sorted({each.number for each in found})
        self._together(Replica.stop, group, numbers)
        # As long as they are there they tell who their gateway was.
        for gateway in {each.spec.gateway for each in found} - {""}:
            self._engine.leave(group.network, gateway)
        self._end(group, numbers)
        if ours:
            self._delete_network(group)
        for name in kept if volumes else ():
            self._engine.delete_volume(name)
            self._tell(f"{name}: volume removed")

    def _open(self, spec: Spec, group: Group) -> None:
        """Have the group's network, as closed as it is to be, with the gateway in it."""
        network = self._engine.network(group.network)
        if network is None:
            self._engine.create_network(arguments.network(spec, group))
        elif network.fleet != self.fleet:
            raise NameInUse(group.network, "network")
        elif network.internal == bool(spec.publish):
            why = "is closed, so nothing in it is published" if spec.publish else "has a way out"
            raise NetworkOpen(group.network, why)
        if spec.gateway and group.network not in (self._engine.networks_of(spec.gateway) or ()):
            self._engine.join(group.network, spec.gateway, arguments.gateway_aliases())

    def _delete_network(self, group: Group) -> None:
        network = self._engine.network(group.network)
        if network is not None and network.members:
            # Whoever brought them in counts on it.
            members = ", ".join(sorted(network.members))
            self._tell(f"{group.network}: network kept, for {members} is in it")
            return
        self._engine.delete_network(group.network)

    def _end(self, group: Group, numbers: Sequence[int]) -> None:
        self._together(Replica.end, group, numbers)
        for number in numbers:
            self._tell(f"{group.container(number)}: removed")

    def _together(
        self, work: Callable[[Replica], None], group: Group, numbers: Sequence[int]
    ) -> None:
        """Each may take its time to finish what it runs."""
        with ThreadPoolExecutor(max(1, len(numbers))) as pool:
            list(pool.map(work, [self._replica(group, number) for number in numbers]))

    def _tidy(self, group: Group) -> None:
        for number in sorted({each.number for each in self._of(group)}):
            self._replica(group, number).tidy()

    def _of(self, group: Group) -> list[Container]:
        return [each for each in self._engine.containers(self.fleet) if each.group == group]

    def _serving(self, group: Group | None = None) -> list[Container]:
        """Those that serve as a replica, and not those that are to, in order."""
        found = [
            each
            for each in self._engine.containers(self.fleet)
            if each.name == each.group.container(each.number)
        ]
        wanted = [each for each in found if group in (None, each.group)]
        return sorted(wanted, key=lambda each: (each.group, each.number))

    def _first(self, group: Group) -> Container:
        found = self._serving(group)
        if not found:
            raise NotThere(str(group))
        return found[0]

    def _replica(self, group: Group, number: int) -> Replica:
        return Replica(self._engine, self._health, group, number)


def _between(field: str, replicas: int) -> None:
    if not 1 <= replicas <= MOST:
        raise BadSpec(field, f"1 to {MOST}", replicas)
