"""embed-anything, on Candle: embeddings.

It reads models from a hub alone: it gets a cache of that, of its own, in which the model lies.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import embed_anything
from clock import now
from embed_anything import EmbeddingModel, TextEmbedConfig

OWNER, NAME = "bench", "minilm"


def embed(case: dict[str, Any]) -> Any:
    home = Path(tempfile.mkdtemp(prefix="embed-anything-"))
    cached = home / ".cache" / "huggingface" / "hub" / f"models--{OWNER}--{NAME}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0")
    (cached / "snapshots").mkdir()
    (cached / "snapshots" / "0").symlink_to(case["model"])
    os.environ |= {"HOME": str(home), "HF_HOME": str(home / ".cache" / "huggingface")}
    model = EmbeddingModel.from_pretrained_hf(model_id=f"{OWNER}/{NAME}")
    config = TextEmbedConfig(batch_size=len(case["texts"]))

    def do() -> dict[str, float]:
        began = now()
        embed_anything.embed_query(case["texts"], embedder=model, config=config)
        return {"": (now() - began) * 1e3}

    return do


WORKS = {"embed": embed}
