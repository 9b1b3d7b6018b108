"""What the crate and its peers compute, and how much of a peer's speed the crate should have.

Rules: a goal is a ratio of speeds, the crate's to the peer's, in every case and on every number of
threads; a peer without a goal is there to be looked at.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ml.processes import EMBED_ANYTHING, LLAMA, MISTRALRS, ONNXRUNTIME, TORCH, WHISPER
from edgemesh_local.layout import Layout

Goals = Mapping[str, float | None]
"""By the names of parts."""

WORDS = [
    "time", "year", "day", "man", "world", "school", "state", "family", "group", "country", "hand",
    "part", "place", "case", "week",
]  # fmt: skip
"""Each is one token of MiniLM; with a blank before it, one of SmolLM2."""
AROUND = 2
"""Tokens that MiniLM's tokenizer puts around a text."""
PROMPT, TOKENS = 128, 48
"""Tokens that are read, and that are written."""
LETTERS = 33
"""Where `a` would be 64: letters are tokens of the random models from `!` on."""


@dataclass(frozen=True)
class Case:
    """One work."""

    name: str
    work: Mapping[str, Any]
    peers: Mapping[str, Goals]
    once: bool = False
    """Whether one number of threads is enough."""


def all_cases(made: Path) -> list[Case]:
    """Of all works; `made`: the folder of models with random weights."""
    return [*_embeddings(made), *_texts(made), *_pictures(made), *_sounds(made)]


def _embeddings(made: Path) -> list[Case]:
    common = {
        "work": "embed",
        "model": str(Layout.here().cache / "models" / "all-minilm-l6-v2"),
        "onnx": str(made / "minilm-onnx" / "model.onnx"),
    }
    goals: dict[str, Goals] = {
        TORCH.name: {"": 1.1},
        ONNXRUNTIME.name: {"": 1.0},
        EMBED_ANYTHING.name: {"": None},
    }
    cases = [
        Case(
            f"MiniLM, {texts} x {tokens} tokens",
            common | {"texts": [_text(tokens, i) for i in range(texts)]},
            goals,
        )
        for texts in (1, 8, 32)
        for tokens in (16, 128)
    ]
    chance = random.Random(0)
    ragged = [_text(chance.randint(4, 128), i) for i in range(32)]
    goals = {**goals, TORCH.name: {"": 2.0}, ONNXRUNTIME.name: {"": None}}
    cases.append(Case("MiniLM, 32 of 4 to 128 tokens", common | {"texts": ragged}, goals))
    return cases


def _text(tokens: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=tokens - AROUND))


def _texts(made: Path) -> list[Case]:
    smollm = Layout.here().cache / "models" / "smollm2-135m-instruct" / "model.gguf"
    said = " ".join(["The", *random.Random(0).choices(WORDS, k=PROMPT - 1)])
    common = {"work": "generate", "tokens": TOKENS, "prompt_tokens": PROMPT}
    letters = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=PROMPT))
    random_ = common | {"prompt": letters, "ids": [ord(each) - LETTERS for each in letters]}
    half: dict[str, Goals] = {LLAMA.name: {"decode": 1.0, "prefill": 0.9}}
    return [
        Case(
            "SmolLM2-135M Q4_1",
            common | {"model": str(smollm), "prompt": said},
            {
                LLAMA.name: {"decode": 1.0, "prefill": 0.8},
                MISTRALRS.name: {"decode": None, "prefill": None},
            },
        ),
        *(
            Case(
                f"llama 0.5 B {kind.upper()}",
                random_ | {"model": str(made / f"llama-500m-{kind}.gguf")},
                half,
            )
            for kind in ("q8_0", "q4_k")
        ),
        Case(
            "llama 58 M fp32",
            random_ | {"model": str(made / "llama-58m")},
            {TORCH.name: {"decode": 1.2, "prefill": 1.0}},
        ),
    ]


def _pictures(made: Path) -> list[Case]:
    shapes = (
        ("ViT-B/16", "vit", "classify", 224),
        ("ResNet-50", "resnet", "classify", 224),
        ("YOLOv8n", "yolo", "detect", 640),
    )
    return [
        Case(
            f"{name}, {count} of {side} x {side}",
            {"work": work, "model": str(made / folder), "size": [side, side], "pictures": count},
            {TORCH.name: {"": 1.0}},
        )
        for name, folder, work, side in shapes
        for count in (1, 8)
    ]


def _sounds(made: Path) -> list[Case]:
    work = {
        "work": "transcribe",
        "model": str(made / "whisper"),
        "converted": str(made / "whisper-ct2"),
        "seconds": 30.0,
        "tokens": 220,
    }
    return [Case("Whisper-tiny shape, 30 s of sound", work, {WHISPER.name: {"": 0.9}})]
