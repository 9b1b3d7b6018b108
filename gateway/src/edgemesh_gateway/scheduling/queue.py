"""The queue before an executor's slots: bounded, fair, and never a place for the dead.

Rules: it knows neither slots nor how anybody is told; who takes, sheds or clears tells them. What
is taken has time left, its caller is there, and its algorithm may run once more; that is counted
until it is told by `gave_back`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from edgemesh_gateway.scheduling.entry import UNDATED_S, Entry
from edgemesh_gateway.scheduling.gate import Gate
from edgemesh_gateway.scheduling.order import Order
from edgemesh_gateway.scheduling.shares import Shares

E = TypeVar("E", bound=Entry)


def everybody_alike(_: str) -> float:
    """Where tenants have no weights."""
    return 1.0


class FairQueue(Generic[E]):
    """Those who wait for one executor."""

    def __init__(
        self,
        most: int,
        most_bytes: int,
        ageing_s: float,
        weight: Callable[[str], float] = everybody_alike,
    ) -> None:
        self.shares = Shares[E](most, most_bytes, weight)
        """How much of it is whose."""
        self._order = Order[E](ageing_s, weight)
        self._gates: dict[str, Gate[E]] = {}
        self._ageing_s = ageing_s
        self._weight = weight
        self._arrivals = 0

    def __len__(self) -> int:
        return self.shares.count

    @property
    def standing(self) -> int:
        """How many may be next; the others' algorithms run as often as they may."""
        return len(self._order)

    def gate(self, algorithm: str) -> Gate[E] | None:
        """What limits an algorithm; None: nothing."""
        return self._gates.get(algorithm)

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """How many of an algorithm may run at once; others are not limited. What runs already of
        one that had no limit is not counted."""
        for algorithm in self._gates.keys() - limits.keys():
            gate = self._gates.pop(algorithm)
            while (entry := gate.aside.first()) is not None:
                gate.aside.discard(entry)
                self._order.add(entry)
        for algorithm, limit in limits.items():
            gate = self._gates.get(algorithm)
            if gate is None:
                gate = self._gates[algorithm] = Gate[E](limit, self._ageing_s, self._weight)
                gate.standing = sum(entry.algorithm == algorithm for entry in self.shares)
            gate.limit = limit
            self._call(gate)

    def add(self, entry: E, now: float) -> None:
        """Let it wait, whether there is room or not: see `shed`."""
        self._arrivals += 1
        entry.serial, entry.arrived = self._arrivals, now
        entry.due = now + UNDATED_S if entry.deadline is None else entry.deadline
        self.shares.add(entry)
        gate = self._gates.get(entry.algorithm)
        if gate is not None and gate.free <= 0:
            gate.aside.add(entry)
            return
        self._order.add(entry)
        if gate is not None:
            gate.standing += 1

    def shed(self) -> E:
        """Send the cheapest away: to be called while `shares` are too many or too large."""
        entry = self.shares.cheapest()
        self.leave(entry)
        return entry

    def leave(self, entry: E) -> bool:
        """Let it wait no longer; False: it did not."""
        if entry not in self.shares:
            return False
        self.shares.discard(entry)
        gate = self._gates.get(entry.algorithm)
        if gate is not None and entry in gate.aside:
            gate.aside.discard(entry)
            return True
        self._order.discard(entry)
        if gate is not None:
            gate.standing -= 1
            self._call(gate)
        return True

    def take(self, now: float) -> tuple[E | None, Gate[E] | None, list[E]]:
        """Who gets a slot now, what is to be `gave_back` with it, and those whose deadline had
        passed when their turn came."""
        late: list[E] = []
        while (entry := self._order.first()) is not None:
            if entry.done():
                self.leave(entry)
                continue
            if entry.deadline is not None and entry.deadline <= now:
                self.leave(entry)
                late.append(entry)
                continue
            gate = self._gates.get(entry.algorithm)
            if gate is not None:
                sooner = gate.sooner(entry)
                if gate.free <= 0 or sooner is not None:
                    self._order.discard(entry)
                    gate.put_aside(entry)
                    if sooner is not None:
                        gate.call(sooner)
                        self._order.add(sooner)
                    continue
                gate.standing -= 1
                gate.running += 1
            self._order.grant(entry)
            self.shares.discard(entry)
            return entry, gate, late
        return None, None, late

    def gave_back(self, gate: Gate[E]) -> None:
        """One of a gate's runs no more."""
        gate.running -= 1
        self._call(gate)

    def clear(self) -> list[E]:
        """All who wait, in order of arrival, and nobody waits any more."""
        waited = sorted(self.shares, key=lambda entry: entry.serial)
        for entry in waited:
            self.leave(entry)
        return waited

    def _call(self, gate: Gate[E]) -> None:
        while gate.free > gate.standing and (entry := gate.aside.first()) is not None:
            gate.call(entry)
            self._order.add(entry)
