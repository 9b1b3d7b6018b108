"""One replica: the container that serves as it, and how another takes its place.

Rules: knows nothing of other replicas. What has been done is read from the engine alone, so that a
manager that dies at any point leaves something that `tidy`, of the next one, puts right: either the
one that served before, or the one that follows it.

    together  make NAME-next ─► healthy ─► it gets the alias ─► NAME ends what it runs, and is
              removed ─► NAME-next is called NAME
    alone     rehearse as NAME-next ─► healthy ─► NAME ends what it runs, and is called NAME-last
              ─► make NAME ─► healthy ─► NAME-last is removed; otherwise it is NAME again
"""

from __future__ import annotations

from collections.abc import Iterable

from edgemesh_containers import arguments
from edgemesh_containers.engine import Engine
from edgemesh_containers.errors import ContainersError, NameInUse
from edgemesh_containers.health import Health
from edgemesh_containers.names import Group
from edgemesh_containers.seen import HEALTHY, Container
from edgemesh_containers.spec import Spec


class Replica:
    """A group's replica of one number."""

    def __init__(self, engine: Engine, health: Health, group: Group, number: int) -> None:
        self._engine, self._health = engine, health
        self._group, self._number = group, number
        self.name = group.container(number)
        self._next, self._last = group.following(number), group.former(number)

    def find(self, name: str = "") -> Container | None:
        """The container that serves as it, or that of another name, as it is now."""
        return _named(self._engine.containers(self._group.fleet), name or self.name)

    def tidy(self) -> Container | None:
        """Put right what was left half done; what serves then, if anything does."""
        there = self._engine.containers(self._group.fleet)
        main, following = _named(there, self.name), _named(there, self._next)
        if former := _named(there, self._last):
            if main is not None and main.running and main.health == HEALTHY:
                self._engine.delete(former.id)
            else:
                self._bring_back(former, main)
        elif following is not None:
            self._finish(following, main)
        return self.find()

    def start(self, spec: Spec) -> str:
        """Make its container where there is none, start it, and give its id."""
        main = self.find()
        if main is None:
            self._make_volume()
            made = arguments.container(spec, self._group, self._number, self.name, aliased=True)
            return self._started(made)
        if not main.running:
            self._engine.start(main.id)
        return main.id

    def stop(self) -> None:
        """Let all its containers finish what they run; they are still there then."""
        for each in self._all():
            self._engine.stop(each.id, arguments.STOP_S)

    def end(self) -> None:
        """Let all its containers finish what they run, and remove them."""
        for each in self._all():
            self._end(each)

    def replace(self, spec: Spec) -> None:
        """Another container takes the place of the one that is there. Raises NotHealthy, and then
        the one that was there still serves.
        """
        before = self.tidy()
        if before is None:
            self._health.wait([self.start(spec)])
        elif spec.alone or before.spec.alone:
            self._replace_alone(spec, before)
        else:
            self._replace_together(spec, before)

    def _replace_together(self, spec: Spec, before: Container) -> None:
        self._make_volume()
        made = arguments.container(spec, self._group, self._number, self._next, aliased=False)
        following = self._healthy(made)
        self._give_alias(following)
        self._end(before)
        self._engine.rename(following, self.name)

    def _replace_alone(self, spec: Spec, before: Container) -> None:
        rehearsal = arguments.rehearsal(spec, self._group, self._number, self._next)
        self._engine.delete(self._healthy(rehearsal))
        self._engine.stop(before.id, arguments.STOP_S)
        self._engine.rename(before.id, self._last)
        try:
            self._health.wait([self.start(spec)])
        except ContainersError:
            self._bring_back(before, self.find())
            self._health.wait([before.id])
            raise
        self._engine.delete(before.id)

    def _healthy(self, made: dict[str, object]) -> str:
        """Make, start and wait; what fails is not left behind."""
        id = self._started(made)
        try:
            self._health.wait([id])
        except ContainersError:
            self._engine.delete(id)
            raise
        return id

    def _started(self, made: dict[str, object]) -> str:
        id = self._engine.create(made)
        try:
            self._engine.start(id)
        except ContainersError:
            self._engine.delete(id)
            raise
        return id

    def _give_alias(self, id: str) -> None:
        """An engine names a container in a network only as it comes in; nobody calls it yet."""
        network = self._group.network
        self._engine.leave(network, id)
        self._engine.join(network, id, arguments.aliases(self._group, self._number))

    def _bring_back(self, former: Container, main: Container | None) -> None:
        if main is not None:
            self._engine.delete(main.id)
        self._engine.rename(former.id, self.name)
        self._engine.start(former.id)

    def _finish(self, following: Container, main: Container | None) -> None:
        called = self._group.alias(self._number) in following.aliases
        if following.spec.alone or (main is not None and (main.running or not called)):
            self._end(following)
            return
        if main is not None:
            self._engine.delete(main.id)
        if not called:
            self._give_alias(following.id)
        self._engine.rename(following.id, self.name)

    def _all(self) -> list[Container]:
        there = self._engine.containers(self._group.fleet)
        found = (_named(there, name) for name in (self._next, self._last, self.name))
        return [each for each in found if each is not None]

    def _end(self, container: Container) -> None:
        self._engine.stop(container.id, arguments.STOP_S)
        self._engine.delete(container.id)

    def _make_volume(self) -> None:
        name = self._group.volume(self._number)
        if name in self._engine.volumes(self._group.fleet):
            return
        if self._engine.has_source(name):
            raise NameInUse(name, "volume")
        self._engine.create_volume(name, self._group.labels())


def _named(containers: Iterable[Container], name: str) -> Container | None:
    return next((each for each in containers if each.name == name), None)
