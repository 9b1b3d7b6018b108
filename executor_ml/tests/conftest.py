"""Models, and calls as a worker would make them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The native pools read them once, before anything imports edgemesh_candle.
os.environ["RAYON_NUM_THREADS"] = os.environ["CANDLE_NUM_THREADS"] = "2"

import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2

from edgemesh_candle import Embedder, Generator
from edgemesh_executor_ml.fetch import fetch, sources
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, Reply

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def models() -> Path:
    cache = Path(os.environ.get("EDGEMESH_CACHE") or Path.home() / ".cache" / "edgemesh")
    fetch(cache / "models", sources())
    return cache / "models"


@pytest.fixture(scope="session")
def embedder(models: Path) -> Embedder:
    return Embedder(models / "all-minilm-l6-v2")


@pytest.fixture(scope="session")
def generator(models: Path) -> Generator:
    return Generator(models / "smollm2-135m-instruct" / "model.gguf")


class Runners:
    """A runner for each model, which the front would choose among."""

    def __init__(self, models: Path) -> None:
        folders = (models / "all-minilm-l6-v2", models / "smollm2-135m-instruct")
        described = {
            folder: json.loads((folder / "model.json").read_text(encoding="utf-8"))
            for folder in folders
        }
        self.all = [MlRunner({"folder": str(f), "manifest": m}) for f, m in described.items()]
        self.all.append(MlRunner({}))

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        return [each for runner in self.all for each in runner.describe()]

    def run(self, call: Call) -> Reply:
        for runner in self.all:
            if any(each.name == call.algorithm for each in runner.describe()):
                return runner.run(call)
        raise LookupError(call.algorithm)


@pytest.fixture(scope="session")
def runner(models: Path) -> Iterator[Runners]:
    made = Runners(models)
    yield made
    for each in made.all:
        each.close()


@dataclass
class Pool:
    """The pool's side of a call: what a worker process would send, kept."""

    deadline: float = field(default_factory=lambda: time.monotonic() + 60)
    cancelled: threading.Event = field(default_factory=threading.Event)
    events: list[compute_pb2.ComputeEvent] = field(default_factory=list)
    on_event: Callable[[], None] = lambda: None

    def emit(self, event: bytes) -> None:
        self.events.append(compute_pb2.ComputeEvent.FromString(event))
        self.on_event()

    def allocate(self, nbytes: int) -> memoryview:
        return memoryview(bytearray(nbytes))

    def call(self, algorithm: str, **parameters: Any) -> Call:
        request = compute_pb2.ComputeRequest(
            algorithm=f"{algorithm}@1", limits=compute_pb2.Limits(run_time_ms=60_000)
        )
        return Call(self, request, parameters, {}, True)

    @property
    def text(self) -> str:
        return "".join(event.token.text for event in self.events)


@pytest.fixture
def pool() -> Pool:
    return Pool()
