"""The versions of models: which there are, what each offers, and which one a name stands for.

Rules: a name stands for its newest version, unless one is pinned, and then a share of the calls may
go to a canary; `name@version`, `name@stable` and `name@canary` stand for one alone. What is offered
is one algorithm over all models that do it: the models' names are the values of its parameter.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_executor_ml import specs
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.pins import CANARY, STABLE, Pin

NO_PIN = Pin("", "", 0)


@dataclass(eq=False)
class Version:
    """One version of a model."""

    folder: Path
    manifest: Manifest
    bytes: int
    """The most that a process took as it loaded it and computed one step."""
    algorithms: Sequence[algorithm_pb2.Algorithm]
    sha256: str = ""
    """Of its manifest."""
    torn: bool = False
    """Whether its files have changed: what is loaded serves on, nothing more is loaded of it."""
    names: Sequence[str] = field(init=False)
    """Its algorithms, as name@version."""

    def __post_init__(self) -> None:
        self.names = [f"{each.name}@{each.version}" for each in self.algorithms]

    @property
    def label(self) -> str:
        """Its name and version."""
        return f"{self.manifest.name}@{self.manifest.version}"


class Offering:
    """What some versions come to, under some pins."""

    def __init__(
        self,
        versions: Iterable[Version],
        pins: Mapping[str, Pin],
        kept: Sequence[str] = (),
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`kept`: names of models; the first of these, then the first by name, is the default."""
        self._pins, self._chance = pins, chance
        self._of: dict[str, list[Version]] = {}
        first = {name: i for i, name in enumerate(kept)}
        for version in sorted(versions, key=_rank):
            self._of.setdefault(version.manifest.name, []).append(version)
        order = sorted(self._of, key=lambda name: (first.get(name, len(first)), name))
        self._of = {name: self._of[name] for name in order}

    def pin(self, name: str) -> Pin:
        """What is pinned of a model."""
        return self._pins.get(name, NO_PIN)

    def stable(self, name: str) -> Version:
        """What a name stands for, but for the canary's share."""
        return self._find(name, self.pin(name).stable) or self._of[name][-1]

    def canary(self, name: str) -> Version | None:
        """The version that gets a share, if there is one."""
        return self._find(name, self.pin(name).canary)

    def share(self, version: Version) -> float:
        """How many of a hundred calls of its name a version gets as a canary."""
        name = version.manifest.name
        return self.pin(name).share if self.canary(name) is version else 0.0

    def versions(self) -> list[Version]:
        """All of them, the newest of each model last."""
        return [version for versions in self._of.values() for version in versions]

    def named(self, model: str) -> Version | None:
        """What a name, or one with @ and a version, stands for; a name alone for the stable one."""
        name, _, asked = model.partition("@")
        if name not in self._of:
            return None
        if asked == CANARY:
            return self.canary(name)
        return self.stable(name) if asked in ("", STABLE) else self._find(name, asked)

    def defaults(self) -> list[Version]:
        """Of each algorithm, the model that is taken where a call names none."""
        found: dict[str, Version] = {}
        for name in self._of:
            for algorithm in (version := self.stable(name)).algorithms:
                found.setdefault(algorithm.name, version)
        return list(dict.fromkeys(found.values()))

    def choose(self, algorithm: str, model: str | None) -> Version | None:
        """The version for a call; `model` is one of those that are offered, or None."""
        if not model:
            names = (name for name in self._of if _does(self.stable(name), algorithm))
            model = next(names, "")
        canary = self.canary(model) if model in self._of else None
        if canary is None or not _does(canary, algorithm):
            return self.named(model)
        return canary if self._chance() * 100 < self.pin(model).share else self.stable(model)

    def algorithms(self) -> list[algorithm_pb2.Algorithm]:
        """What is offered."""
        joined: dict[str, algorithm_pb2.Algorithm] = {}
        names: dict[str, list[str]] = {}
        exact: dict[str, list[str]] = {}
        every: dict[str, list[algorithm_pb2.Algorithm]] = {}
        for name, versions in self._of.items():
            stable, canary = self.stable(name), self.canary(name)
            for algorithm in stable.algorithms:
                joined.setdefault(algorithm.name, algorithm)
                names.setdefault(algorithm.name, []).append(name)
                exact.setdefault(algorithm.name, []).append(f"{name}@{STABLE}")
            for algorithm in () if canary is None else canary.algorithms:
                exact.setdefault(algorithm.name, []).append(f"{name}@{CANARY}")
            for version in reversed(versions):
                for algorithm in version.algorithms:
                    every.setdefault(algorithm.name, []).append(algorithm)
                    exact.setdefault(algorithm.name, []).append(version.label)
        return [_over(each, names[name], exact[name], every[name]) for name, each in joined.items()]

    def _find(self, name: str, version: str) -> Version | None:
        return next((v for v in self._of[name] if v.manifest.version == version), None)


def _over(
    one: algorithm_pb2.Algorithm,
    names: Sequence[str],
    exact: Sequence[str],
    all_of: Sequence[algorithm_pb2.Algorithm],
) -> algorithm_pb2.Algorithm:
    """The algorithm over all its models."""
    schema: dict[str, Any] = json.loads(one.parameters_schema)
    model = {"type": "string", "enum": [*names, *exact], "default": names[0]}
    schema["properties"]["model"] = model
    joined = algorithm_pb2.Algorithm()
    joined.CopyFrom(one)
    joined.parameters_schema = json.dumps(schema)
    specs.join(joined, all_of)
    return joined


def _does(version: Version, algorithm: str) -> bool:
    return any(each.name == algorithm for each in version.algorithms)


def _rank(version: Version) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|[^\d.]+", version.manifest.version)
    return [(int(each), "") if each.isdigit() else (-1, each) for each in parts]
