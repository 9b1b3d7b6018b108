"""The crate: all works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clock import now
from inputs import picture, sound

from edgemesh_candle import Classifier, Detector, Embedder, Generator, Picture, Sound, Transcriber

PIXELS = 1 << 24


def embed(case: dict[str, Any]) -> Any:
    model = Embedder(case["model"])

    def do() -> dict[str, float]:
        began = now()
        job = model.start(case["texts"])
        out = bytearray(job.nbytes)
        while job.step(out):
            pass
        return {"": (now() - began) * 1e3}

    return do


def generate(case: dict[str, Any]) -> Any:
    model = Generator(case["model"], prefix_bytes=0)

    def do() -> dict[str, float]:
        began = now()
        text = model.start(case["prompt"], max_tokens=case["tokens"])
        if text.prompt_tokens != case["prompt_tokens"]:
            raise ValueError(f"reads {text.prompt_tokens} tokens")
        text.next()
        first = now()
        while text.next() is not None:
            pass
        decoded = text.completion_tokens - 1
        if decoded < 1:
            raise ValueError("ends at once")
        return {
            "prefill": (first - began) * 1e3 / text.prompt_tokens,
            "decode": (now() - first) * 1e3 / decoded,
        }

    return do


def classify(case: dict[str, Any]) -> Any:
    model = Classifier(case["model"])
    height, width = case["size"]
    pictures = [picture(height, width, i) for i in range(case["pictures"])]

    def do() -> dict[str, float]:
        prepared = [model.prepare(p, (height, width), most_pixels=PIXELS) for p in pictures]
        began = now()
        model.classify(prepared)
        return {"": (now() - began) * 1e3}

    return do


def detect(case: dict[str, Any]) -> Any:
    """All of it, boxes chosen too: there is no door to the network alone."""
    model = Detector(case["model"])
    height, width = case["size"]
    rows = [picture(height, width, i) for i in range(case["pictures"])]
    pictures = [Picture(each, (height, width), most_pixels=PIXELS) for each in rows]
    limits = {"confidence": 0.25, "iou": 0.7, "agnostic": False, "most": 300}

    def do() -> dict[str, float]:
        began = now()
        for each in pictures:
            model.find(each, size=max(height, width), **limits)
        return {"": (now() - began) * 1e3}

    return do


def _always() -> bool:
    return True


def transcribe(case: dict[str, Any]) -> Any:
    model = Transcriber(Path(case["model"]))
    samples = sound(case["seconds"])

    def do() -> dict[str, float]:
        began = now()
        heard = Sound.of_samples(samples, "float32", 1, 16_000, 60.0, _always)
        done = model.start(heard, _always, language="en", timestamps=False, condition=False)
        tokens = 0
        while done.listen(_always):
            done.attempt(0.0, _always)
            tokens += sum(len(each.tokens) for each in done.keep(_always))
        if tokens < case["tokens"]:
            raise ValueError(f"writes {tokens} tokens")
        return {"": (now() - began) * 1e3}

    return do


WORKS = {
    "embed": embed,
    "generate": generate,
    "classify": classify,
    "detect": detect,
    "transcribe": transcribe,
}
