"""The Candle executor's runner: which model does which call. Lives in a worker process.

Rules: the default models are loaded before the worker is ready, others at first use; nothing is
checked twice that the front has checked; calls run on several threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import ModelError
from edgemesh_executor_ml import chat, embed, generate, tensor
from edgemesh_executor_ml.catalog import Catalog
from mesh_service.executor import AlgorithmFailure, Call, Reply


class MlRunner:
    """Runs `ml.embed`, `ml.generate` and `ml.chat` with the models of a folder, and `ml.tensor`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config`: `models`, the folder. Raises NoModels."""
        self._catalog = Catalog(Path(config["models"]))

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """The algorithms that there are models for, and that need none."""
        embedders, generators = self._catalog.embedders.names, self._catalog.generators.names
        return [
            *([embed.describe(embedders)] if embedders else []),
            *([generate.describe(generators), chat.describe(generators)] if generators else []),
            tensor.describe(),
        ]

    def run(self, call: Call) -> Reply:
        """Run one call. Raises InvalidInput, AlgorithmFailure."""
        try:
            if call.algorithm == tensor.NAME:
                return tensor.run(call)
            if call.algorithm == embed.NAME:
                return embed.run(call, self._catalog.embedders)
            if call.algorithm == chat.NAME:
                return chat.run(call, self._catalog.generators)
            return generate.run(call, self._catalog.generators)
        except ModelError as error:  # of a model that is used for the first time
            raise AlgorithmFailure("ModelError", error.reason) from error

    def close(self) -> None:
        """Let go of the models."""
        self._catalog.close()
