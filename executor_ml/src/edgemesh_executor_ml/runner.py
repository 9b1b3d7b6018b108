"""The Candle executor's runner: one model, or none for what needs none. Lives in a worker process.

Rules: its model is loaded before the worker is ready; nothing is checked twice that the front has
checked; calls run on several threads at once. The model is gone when the process is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.executor.v1 import executor_pb2

import edgemesh_candle
from edgemesh_executor_ml import tensor
from edgemesh_executor_ml.manifest import parse
from edgemesh_executor_ml.opened import OPENERS, Offer
from mesh_service.executor import Call, Reply


class MlRunner:
    """Runs what a model is for, by its task; or `ml.tensor`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config`: `folder` and `manifest` of a model, or nothing.

        Raises CandleError, BadModel, Unusable.
        """
        offers = [Offer(tensor.describe(), tensor.run)]
        if "manifest" in config:
            manifest = parse(config["manifest"])
            offers = OPENERS[manifest.task](Path(config["folder"]), manifest)
        self._offers = {offer.algorithm.name: offer for offer in offers}
        self.build = executor_pb2.Build(
            level=edgemesh_candle.BUILD,
            kernels=edgemesh_candle.kernels(),
            threads=edgemesh_candle.threads(),
            devices=edgemesh_candle.DEVICES,
        )
        """What Describe tells of the native code that computes."""

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """The algorithms of its model."""
        return [offer.algorithm for offer in self._offers.values()]

    def run(self, call: Call) -> Reply:
        """Run one call. Raises InvalidInput, AlgorithmFailure."""
        return self._offers[call.algorithm].run(call)

    def close(self) -> None:
        """Let go of the model."""
        self._offers = {}
