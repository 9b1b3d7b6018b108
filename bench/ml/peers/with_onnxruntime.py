"""ONNX Runtime: embeddings, by MiniLM as PyTorch exports it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from clock import now
from tokenizers import Tokenizer


def embed(case: dict[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    session: Any = onnxruntime.InferenceSession(case["onnx"], options, providers=providers)
    tokenizer = Tokenizer.from_file(str(Path(case["model"]) / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    def do() -> dict[str, float]:
        began = now()
        encoded = tokenizer.encode_batch(case["texts"])
        ids = np.array([each.ids for each in encoded])
        mask = np.array([each.attention_mask for each in encoded])
        hidden = session.run(None, {"ids": ids, "mask": mask})[0]
        weight = mask[..., None].astype(np.float32)
        mean = (hidden * weight).sum(1) / weight.sum(1)
        _ = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
        return {"": (now() - began) * 1e3}

    return do


WORKS = {"embed": embed}
