"""One executor: its replicas behind one queue, and which of them a request goes to.

Rules: a slot is granted by the lane and is one of a replica's; a request goes there, unless it
needs another: what has a session belongs to one replica for ever (`rendezvous`), and what only some
replicas offer, as in the midst of an upgrade, goes to one of those. Then the slot is exchanged if
one of that replica's is free; otherwise the request waits in the replica itself. A replica that
leaves has no slots from that moment; who waits, waits for the others, and is refused when none is
left. One that fails again and again is left out for a while (`outlier`), and never the last one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from operator import is_not

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_gateway.admit import Permit
from edgemesh_gateway.endpoint import RETRY_AWAY_S, Endpoint
from edgemesh_gateway.outlier import Outlier
from edgemesh_gateway.rendezvous import home
from edgemesh_gateway.schedule import Lane, Slot
from mesh_service import errors, logs

AFTER_S = 0.01
"""How long after its time has passed one that was left out is taken in again."""


class Executor:
    """An executor of one or several replicas."""

    def __init__(
        self,
        name: str,
        lane: Lane,
        endpoints: Sequence[Endpoint],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`endpoints`: its replicas, by their numbers in `lane`."""
        self.name = name
        self.lane = lane
        self.endpoints = tuple(endpoints)
        self.algorithms: tuple[algorithm_pb2.Algorithm, ...] = ()
        """All that its replicas offered last; the default version of a name last."""
        self.program_namespaces: tuple[str, ...] = ()
        """Those in which some replica runs programs that the gateway keeps."""
        self.usable: tuple[Endpoint, ...] = ()
        """Replicas that are ready and not left out."""
        self.outliers = {endpoint: Outlier(clock) for endpoint in self.endpoints}
        self.on_offer: Callable[[], None] = lambda: None
        """Called when `algorithms` may have changed."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when that, or who is usable, may have changed."""
        self._addresses = tuple(endpoint.address for endpoint in self.endpoints)
        for endpoint in self.endpoints:
            endpoint.on_change = self._changed

    @property
    def ready(self) -> bool:
        """Whether it offers something now."""
        return bool(self.usable)

    @property
    def there(self) -> bool:
        """Whether any replica is connected, so that waiting may help."""
        return any(endpoint.connected for endpoint in self.endpoints)

    def offers(self, algorithm: str) -> bool:
        """Whether it can run this now, with or without a version."""
        return any(algorithm in endpoint.names for endpoint in self.usable)

    def everywhere(self, algorithm: str) -> bool:
        """Whether each replica that can run anything can run this."""
        return self.ready and all(algorithm in endpoint.names for endpoint in self.usable)

    def runs(self, namespace: str) -> Endpoint | None:
        """A replica that runs programs of a namespace now."""
        return self._freest([e for e in self.usable if namespace in e.program_namespaces])

    def away(self) -> errors.NotStarted:
        """The error of a request that cannot be sent."""
        return errors.NotStarted(self.name, RETRY_AWAY_S)

    def of_session(self, tenant: str, session: str) -> Endpoint:
        """The replica that has a tenant's session, be it away or not."""
        return self.endpoints[home(tenant, session, self._addresses)]

    def demand(self, permit: Permit) -> None:
        """Raise NotStarted where no replica that may run a request is there."""
        if not self._able(permit):
            raise self.away()

    def choose(self, permit: Permit, slot: Slot) -> Endpoint:
        """The replica for a request that has a slot. Raises NotStarted where there is none now."""
        able = self._able(permit)
        granted = None if slot.replica is None else self.endpoints[slot.replica]
        # The only one is asked even as it leaves: what happens then is `dispatch`'s to say.
        if granted is not None and (granted in able or (not able and len(self.endpoints) == 1)):
            return granted
        chosen = self._freest(able)
        if chosen is None:
            raise self.away()
        slot.exchange(self.number(chosen))
        return chosen

    def another(self, endpoint: Endpoint, permit: Permit | None) -> Endpoint | None:
        """A replica for what `endpoint` has not begun; None: there is none.

        `permit`: the request's; None: every replica offers what it wants.
        """
        able = self.usable if permit is None else self._able(permit)
        return self._freest([each for each in able if each is not endpoint])

    def number(self, endpoint: Endpoint) -> int:
        """A replica's number in the lane."""
        return self.endpoints.index(endpoint)

    def answered(self, endpoint: Endpoint) -> None:
        """A replica has answered, whatever it said."""
        self.outliers[endpoint].answered += 1

    def failed(self, endpoint: Endpoint) -> None:
        """A replica has failed to."""
        outlier = self.outliers[endpoint]
        enough = outlier.failed(self.lane.answered(self.number(endpoint)))
        if not enough or not any(each is not endpoint for each in self.usable):
            return
        seconds = outlier.leave_out()
        logs.event(
            "replica left out",
            level=logging.WARNING,
            executor=self.name,
            address=endpoint.address,
            seconds=seconds,
        )
        asyncio.get_running_loop().call_later(seconds + AFTER_S, self._changed)
        self._changed()

    def follow(self) -> None:
        """Begin to follow all replicas."""
        for endpoint in self.endpoints:
            endpoint.follow()

    async def known(self) -> None:
        """Wait until each has described itself, or was found to be away."""
        await asyncio.gather(*(endpoint.known() for endpoint in self.endpoints))

    async def close(self) -> None:
        """Let go of them."""
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints))

    def _able(self, permit: Permit) -> Sequence[Endpoint]:
        """Replicas that may run a request now."""
        if permit.session and len(self.endpoints) > 1:
            pinned = self.of_session(permit.tenant, permit.session)
            return (pinned,) if pinned.ready else ()
        if permit.program is not None:
            namespace = permit.algorithm.partition(".")[0]
            return [e for e in self.usable if namespace in e.program_namespaces]
        if len(self.usable) <= 1:
            return self.usable
        return [e for e in self.usable if permit.algorithm in e.names]

    def _freest(self, able: Sequence[Endpoint]) -> Endpoint | None:
        if len(able) <= 1:
            return able[0] if able else None
        running, slots = self.lane.running_of, self.lane.slots_of

        def load(endpoint: Endpoint) -> tuple[float, float]:
            number = self.number(endpoint)
            return running[number] / max(1, slots[number]), random.random()  # noqa: S311

        return min(able, key=load)

    def _changed(self) -> None:
        ready = [endpoint for endpoint in self.endpoints if endpoint.ready]
        kept = [endpoint for endpoint in ready if not self.outliers[endpoint].out]
        self.usable = tuple(kept or ready)
        offered = self._gather()
        for number, endpoint in enumerate(self.endpoints):
            # One that is there and offers nothing for the moment keeps those who wait for it.
            counts = endpoint in self.usable or (not self.usable and endpoint.connected)
            slots = endpoint.slots if counts else 0
            if slots != self.lane.slots_of[number]:
                self.lane.resize(slots, number)
        if offered:
            self.on_offer()
        self.on_change()
        if not self.there:
            self.lane.refuse(self.away)

    def _gather(self) -> bool:
        """Put the offers together; whether they have changed."""
        now, before = _offers(self.usable), _offers(self.endpoints)
        # What only those offered who are away comes first, so that it is no name's default.
        gone = [algorithm for key, algorithm in before.items() if key not in now]
        was, self.algorithms = self.algorithms, (*gone, *now.values())
        self.program_namespaces = tuple(
            dict.fromkeys(name for e in self.endpoints for name in e.program_namespaces)
        )
        return len(was) != len(self.algorithms) or any(map(is_not, was, self.algorithms))


def _offers(
    endpoints: Sequence[Endpoint],
) -> dict[tuple[str, str], algorithm_pb2.Algorithm]:
    offers: dict[tuple[str, str], algorithm_pb2.Algorithm] = {}
    for endpoint in endpoints:
        for algorithm in endpoint.algorithms:
            offers.setdefault((algorithm.name, algorithm.version), algorithm)
    return offers
