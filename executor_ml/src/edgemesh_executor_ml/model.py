"""A model in this process: opened, and computed with once, so that no caller waits for that."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

from edgemesh_candle import Embedder, Generator, NumericError, Transcriber
from edgemesh_executor_ml.manifest import Manifest, Unusable


def open_embedder(folder: Path) -> Embedder:
    """Open a model of the task `embed`. Raises CandleError, Unusable."""
    embedder = Embedder(folder)
    job = embedder.start(["warm-up"], normalize=False)
    out = bytearray(job.nbytes)
    job.step(out)
    if not all(map(math.isfinite, array("f", bytes(out)))):
        raise Unusable("its weights give vectors of what are no numbers")
    return embedder


def open_generator(folder: Path, described: Manifest) -> Generator:
    """Open a model of the task `generate`. Raises CandleError, BadModel."""
    files = any(file.path.endswith(".gguf") for file in described.files)
    generator = Generator(described.file(".gguf", folder) if files else folder)
    generator.start("warm-up", max_tokens=1).next()
    return generator


def open_transcriber(folder: Path) -> Transcriber:
    """Open a model of the task `transcribe`. Raises CandleError, Unusable."""
    transcriber = Transcriber(folder)
    try:
        transcriber.warm_up()
    except NumericError as error:
        raise Unusable("its weights give text of what are no numbers") from error
    return transcriber
