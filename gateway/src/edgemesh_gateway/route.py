"""route: which executor runs this algorithm?

Rules: one table, made anew when a description changes, so that a request costs one look-up. A name
without a version means the one that its executor described last. Where two executors offer the same
name, the one that settings name first has it.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_gateway.executor import Executor
from mesh_service import errors, logs

NEAREST = 3
MayKnow: TypeAlias = Callable[[str], bool]


def everything(_: str) -> bool:
    """Any name may be told."""
    return True


@dataclass(frozen=True, slots=True)
class Offer:
    """An algorithm and who offers it."""

    executor: Executor
    algorithm: algorithm_pb2.Algorithm

    @property
    def here(self) -> bool:
        """Whether it can be run now."""
        return self.executor.offers(f"{self.algorithm.name}@{self.algorithm.version}")


class Routes:
    """Name, with or without a version → offer."""

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._executors = executors
        self._by_name: dict[str, Offer] = {}
        self._by_full_name: dict[str, Offer] = {}

    def rebuild(self) -> None:
        """Make the table from what the executors offered last."""
        by_name: dict[str, Offer] = {}
        by_full_name: dict[str, Offer] = {}
        for executor in self._executors:
            for algorithm in executor.algorithms:
                offer = Offer(executor, algorithm)
                holder = by_name.get(algorithm.name)
                if holder is None or holder.executor is executor:
                    by_name[algorithm.name] = offer
                    by_full_name[f"{algorithm.name}@{algorithm.version}"] = offer
                else:
                    logs.event(
                        "algorithm is offered twice",
                        level=logging.WARNING,
                        algorithm=algorithm.name,
                        served_by=holder.executor.name,
                        not_by=executor.name,
                    )
        self._by_name, self._by_full_name = by_name, by_full_name

    def route(self, algorithm: str, may_know: MayKnow = everything) -> Executor:
        """The executor to send it to. Raises UnknownAlgorithm, or NotStarted where no replica
        that offers it is there.
        """
        executor = self.find(algorithm, may_know).executor
        if not executor.offers(algorithm):
            raise executor.away()
        return executor

    def find(self, algorithm: str, may_know: MayKnow = everything) -> Offer:
        """The offer of that name, even while its executor is away.

        `may_know`: which names the caller may be told of.

        Raises UnknownAlgorithm with the nearest names, or NotStarted when an executor that has not
        been seen yet may well offer it.
        """
        offer = self._by_name.get(algorithm) or self._by_full_name.get(algorithm)
        if offer is None:
            raise self._missing(algorithm, may_know)
        return offer

    def offers_name(self, name: str) -> bool:
        """Whether an executor offers this, with or without a version, or did before it left."""
        return name in self._by_name or name in self._by_full_name

    def here(self) -> dict[str, Executor]:
        """Every name that each replica that is there can run now, with and without a version."""
        return {
            name: offer.executor
            for names in (self._by_full_name, self._by_name)
            for name, offer in names.items()
            if offer.executor.everywhere(name)
        }

    def is_default(self, offer: Offer) -> bool:
        """Whether a name without a version means this one."""
        return self._by_name[offer.algorithm.name] is offer

    def offers(self) -> list[Offer]:
        """All, sorted by name, the newest version of a name first."""
        newest_first = sorted(
            self._by_full_name.values(), key=lambda o: _age(o.algorithm.version), reverse=True
        )
        return sorted(newest_first, key=lambda o: o.algorithm.name)

    def _missing(self, algorithm: str, may_know: MayKnow) -> errors.MeshError:
        namespace = algorithm.partition(".")[0]
        if not any(name.partition(".")[0] == namespace for name in self._by_name):
            unseen = [executor for executor in self._executors if not executor.algorithms]
            for executor in sorted(unseen, key=lambda e: e.name != namespace):
                return executor.away()
        names = self._by_full_name if "@" in algorithm else self._by_name
        told = [name for name in names if may_know(name)]
        near = difflib.get_close_matches(algorithm[:256], told, NEAREST)
        return errors.UnknownAlgorithm(algorithm, near)


def _age(version: str) -> list[tuple[int, int, str]]:
    """A key by which versions sort as people count: 1.10 after 1.9."""
    parts = version.replace("-", ".").replace("_", ".").split(".")
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts]
