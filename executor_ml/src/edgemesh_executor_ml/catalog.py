"""The models of a folder: found by their manifests, loaded when first used, kept.

Rules: one model that cannot be used takes no other along; it is left out, and the log says why.
The first of each task, by name, is the default.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from edgemesh_candle import CandleError, Embedder, Generator
from edgemesh_executor_ml import manifest
from edgemesh_executor_ml.manifest import BadModel, Manifest

T = TypeVar("T")
DECODERS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3")
_log = logging.getLogger(__name__)


class NoModels(Exception):
    """A folder holds no model that can be used."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        self.folder, self.problems = folder, problems
        found = "; ".join(problems) or "it is empty"
        super().__init__(
            f"no usable model in {folder}: {found};"
            " `python -m edgemesh_executor_ml.fetch` brings some"
        )


class Shelf(Generic[T]):
    """The models of one task."""

    def __init__(
        self, task: str, families: tuple[str, ...], open_model: Callable[[Path, Manifest], T]
    ) -> None:
        self.task, self.families = task, families
        self._open = open_model
        self._manifests: dict[str, tuple[Path, Manifest]] = {}
        self._loaded: dict[str, T] = {}
        self._loading = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Models on offer, the default first."""
        return list(self._manifests)

    def put(self, folder: Path, described: Manifest) -> None:
        """Offer a model."""
        self._manifests[described.name] = (folder, described)

    def withdraw(self, name: str) -> None:
        """Offer a model no longer."""
        del self._manifests[name]

    def get(self, name: str | None) -> tuple[Manifest, T]:
        """A model (None: the default), loaded if it was not. Raises KeyError, CandleError."""
        name = name or self.names[0]
        folder, described = self._manifests[name]
        if name not in self._loaded:
            with self._loading:  # no model is loaded twice
                if name not in self._loaded:
                    self._loaded[name] = self._open(folder, described)
        return described, self._loaded[name]

    def close(self) -> None:
        """Let go of all models."""
        self._loaded.clear()


class Catalog:
    """All models of a folder, a shelf for each task."""

    def __init__(self, folder: Path) -> None:
        """Scan `folder` and load the default models. Raises NoModels."""
        self.embedders = Shelf("embed", ("bert",), _open_embedder)
        self.generators = Shelf("generate", DECODERS, _open_generator)
        shelves = {shelf.task: shelf for shelf in (self.embedders, self.generators)}
        problems: list[str] = []
        for path in sorted(folder.glob(f"[!.]*/{manifest.FILE_NAME}")):
            try:
                described = manifest.load(path.parent)
                shelf = shelves.get(described.task)
                if shelf is None or described.family not in shelf.families:
                    problem = f"{described.task} by {described.family} is not supported"
                    raise BadModel(path.parent, problem)
                if described.name in shelf.names:
                    raise BadModel(path.parent, f"{described.name} lies in another folder already")
                shelf.put(path.parent, described)
            except BadModel as error:
                problems.append(str(error))
        for shelf in shelves.values():
            problems += _load_default(shelf)
        for problem in problems:
            _log.warning("model left out: %s", problem)
        if not any(shelf.names for shelf in shelves.values()):
            raise NoModels(folder, problems)

    def close(self) -> None:
        """Let go of all models."""
        self.embedders.close()
        self.generators.close()


def _open_embedder(folder: Path, _: Manifest) -> Embedder:
    embedder = Embedder(folder)
    # The first use pages weights in and starts threads; no caller should wait for that.
    job = embedder.start(["warm-up"])
    job.step(bytearray(job.nbytes))
    return embedder


def _open_generator(folder: Path, described: Manifest) -> Generator:
    files = any(file.path.endswith(".gguf") for file in described.files)
    generator = Generator(described.file(".gguf", folder) if files else folder)
    generator.start("warm-up", max_tokens=1).next()
    return generator


def _load_default(shelf: Shelf[Embedder] | Shelf[Generator]) -> list[str]:
    """Load the first model that can be; those before it are withdrawn and named."""
    problems: list[str] = []
    while shelf.names:
        try:
            shelf.get(None)
            break
        except (CandleError, BadModel) as error:
            problems.append(str(error))
            shelf.withdraw(shelf.names[0])
    return problems
