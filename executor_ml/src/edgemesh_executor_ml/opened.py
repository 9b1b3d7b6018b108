"""A model in this process: opened by its task, computed with once, and what calls of it run.

Rules: the first step is made before the worker is ready, so that no caller waits for it; weights
that give no numbers are refused then. Graphs in ONNX are opened only, since nobody knows what to
give them. A task is one line of OPENERS and one of tasks.TASKS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import Detector
from edgemesh_executor_ml import (
    chat,
    classify_image,
    detect,
    embed,
    generate,
    image_text,
    onnx,
    picture_texts,
    prompts,
    rerank,
    segment_anything,
    transcribe,
    transcribe_schema,
    vad,
)
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.model import open_embedder, open_generator, open_transcriber
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
    embedder, told = open_embedder(folder), prompts.read(folder)
    described = embed.describe([manifest.name])
    return [Offer(described, lambda call: embed.run(call, manifest, embedder, told))]


def _rerank(folder: Path, manifest: Manifest) -> list[Offer]:
    model = rerank.open_reranker(folder)
    described = rerank.describe([manifest.name])
    return [Offer(described, lambda call: rerank.run(call, manifest, model))]


def _generate(folder: Path, manifest: Manifest) -> list[Offer]:
    names, model = [manifest.name], open_generator(folder, manifest)
    return [
        Offer(generate.describe(names), lambda call: generate.run(call, manifest, model)),
        Offer(chat.describe(names), lambda call: chat.run(call, manifest, model)),
    ]


def _transcribe(folder: Path, manifest: Manifest) -> list[Offer]:
    listener = transcribe.Listener(open_transcriber(folder), lambda: vad.beside(folder.parent))
    described = transcribe_schema.describe([manifest.name])
    return [Offer(described, lambda call: transcribe.run(call, manifest, listener))]


def _classify_image(folder: Path, manifest: Manifest) -> list[Offer]:
    names, model = [manifest.name], classify_image.open_classifier(folder)
    run = partial(classify_image.run, manifest=manifest, model=model)
    return [Offer(classify_image.describe(names), run)]


def _image_text(folder: Path, manifest: Manifest) -> list[Offer]:
    names, model = [manifest.name], image_text.open_image_text(folder)
    run = partial(image_text.run, manifest=manifest, model=model)
    return [Offer(image_text.describe(names), run)]


def _picture_texts(folder: Path, manifest: Manifest) -> list[Offer]:
    names, task = [manifest.name], picture_texts.BY_TASK[manifest.task]
    model = picture_texts.open_blip(folder, task)
    run = partial(picture_texts.run, task=task, manifest=manifest, model=model)
    return [Offer(picture_texts.describe(task, names), run)]


def _segment_anything(folder: Path, manifest: Manifest) -> list[Offer]:
    names, model = [manifest.name], segment_anything.open_sam(folder)
    run = partial(segment_anything.run, manifest=manifest, model=model)
    return [Offer(segment_anything.describe(names), run)]


def _detect(folder: Path, manifest: Manifest) -> list[Offer]:
    model = Detector(folder)
    told = detect.describe(manifest.task, [manifest.name])
    return [Offer(told, lambda call: detect.run(call, manifest, model))]


def _onnx(folder: Path, manifest: Manifest) -> list[Offer]:
    graph = onnx.open_graph(folder, manifest)
    run = partial(onnx.run, manifest=manifest, graph=graph)
    return [Offer(onnx.describe([manifest.name], graph), run)]


def _vad(folder: Path, manifest: Manifest) -> list[Offer]:
    detector = vad.open_detector(folder)
    run = partial(vad.run, manifest=manifest, detector=detector)
    return [*_onnx(folder, manifest), Offer(vad.describe([manifest.name]), run)]


OPENERS: Mapping[str, Opener] = {
    "embed": _embed,
    "generate": _generate,
    "rerank": _rerank,
    "transcribe": _transcribe,
    "classify_image": _classify_image,
    "image_text": _image_text,
    "caption_image": _picture_texts,
    "answer_image": _picture_texts,
    "segment_anything": _segment_anything,
    "detect": _detect,
    "segment": _detect,
    "pose": _detect,
    "onnx": _onnx,
    "vad": _vad,
}
