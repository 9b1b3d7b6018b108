"""The Candle executor's runner: one model, or none for what needs none. Lives in a worker process.

Rules: its model is loaded before the worker is ready; nothing is checked twice that the front has
checked; calls run on several threads at once. The model is gone when the process is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import Embedder, Generator
from edgemesh_executor_ml import chat, embed, generate, tensor
from edgemesh_executor_ml.manifest import Manifest, parse
from edgemesh_executor_ml.model import open_embedder, open_generator
from mesh_service.executor import Call, Reply


class MlRunner:
    """Runs what a model is for: `ml.embed`, or `ml.generate` and `ml.chat`; or `ml.tensor`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config`: `folder` and `manifest` of a model, or nothing.

        Raises CandleError, BadModel, Unusable.
        """
        self._manifest: Manifest | None = None
        self._embedder: Embedder | None = None
        self._generator: Generator | None = None
        if "manifest" in config:
            self._manifest, folder = parse(config["manifest"]), Path(config["folder"])
            if self._manifest.task == "embed":
                self._embedder = open_embedder(folder)
            else:
                self._generator = open_generator(folder, self._manifest)

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """The algorithms of its model."""
        if self._manifest is None:
            return [tensor.describe()]
        names = [self._manifest.name]
        if self._embedder is not None:
            return [embed.describe(names)]
        return [generate.describe(names), chat.describe(names)]

    def run(self, call: Call) -> Reply:
        """Run one call. Raises InvalidInput, AlgorithmFailure."""
        if self._manifest is None:
            return tensor.run(call)
        if self._embedder is not None:
            return embed.run(call, self._manifest, self._embedder)
        assert self._generator is not None
        run = chat.run if call.algorithm == chat.NAME else generate.run
        return run(call, self._manifest, self._generator)

    def close(self) -> None:
        """Let go of the model."""
        self._embedder = self._generator = None
