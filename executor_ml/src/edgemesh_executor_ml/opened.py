"""A model in this process: opened by its task, computed with once, and what calls of it run.

Rules: the first step is made before the worker is ready, so that no caller waits for it; weights
that give no numbers are refused then. A task is one line of OPENERS and one of tasks.TASKS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import Detector
from edgemesh_executor_ml import chat, detect, embed, generate
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.model import open_embedder, open_generator
from mesh_service.executor import Call, Reply

Run = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Offer:
    """One algorithm that an opened model does."""

    algorithm: algorithm_pb2.Algorithm
    run: Run
    """Raises InvalidInput, AlgorithmFailure."""


Opener = Callable[[Path, Manifest], list[Offer]]
"""Raises CandleError, BadModel, Unusable."""


def _embed(folder: Path, manifest: Manifest) -> list[Offer]:
    embedder = open_embedder(folder)
    return [
        Offer(embed.describe([manifest.name]), lambda call: embed.run(call, manifest, embedder))
    ]


def _generate(folder: Path, manifest: Manifest) -> list[Offer]:
    names, model = [manifest.name], open_generator(folder, manifest)
    return [
        Offer(generate.describe(names), lambda call: generate.run(call, manifest, model)),
        Offer(chat.describe(names), lambda call: chat.run(call, manifest, model)),
    ]


def _detect(folder: Path, manifest: Manifest) -> list[Offer]:
    model = Detector(folder)
    told = detect.describe(manifest.task, [manifest.name])
    return [Offer(told, lambda call: detect.run(call, manifest, model))]


OPENERS: Mapping[str, Opener] = {
    "embed": _embed,
    "generate": _generate,
    "detect": _detect,
    "segment": _detect,
    "pose": _detect,
}
