"""PyTorch, with transformers where that has the model: all works but sounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clock import now
from inputs import picture
from transformers import (
    AutoModelForImageClassification,
    BertModel,
    DynamicCache,
    LlamaForCausalLM,
)

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_grad_enabled(False)


def embed(case: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer

    folder = Path(case["model"])
    model = BertModel.from_pretrained(folder, attn_implementation="sdpa").eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    @torch.inference_mode()
    def do() -> dict[str, float]:
        began = now()
        encoded = tokenizer.encode_batch(case["texts"])
        ids = torch.tensor([each.ids for each in encoded])
        mask = torch.tensor([each.attention_mask for each in encoded])
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).float()
        mean = (hidden * weight).sum(1) / weight.sum(1)
        torch.nn.functional.normalize(mean, dim=-1).numpy()
        return {"": (now() - began) * 1e3}

    return do


def generate(case: dict[str, Any]) -> Any:
    model = LlamaForCausalLM.from_pretrained(case["model"], attn_implementation="sdpa").eval()
    prompt = torch.tensor([case["ids"]])

    @torch.inference_mode()
    def do() -> dict[str, float]:
        cache = DynamicCache(config=model.config)
        began = now()

        def step(ids: torch.Tensor) -> torch.Tensor:
            out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            return out.logits[0, -1].argmax().view(1, 1)

        token = step(prompt)
        first = now()
        for _ in range(case["tokens"] - 1):
            token = step(token)
        return {
            "prefill": (first - began) * 1e3 / len(case["ids"]),
            "decode": (now() - first) * 1e3 / (case["tokens"] - 1),
        }

    return do


def _batch(case: dict[str, Any]) -> torch.Tensor:
    height, width = case["size"]
    rows = b"".join(picture(height, width, i) for i in range(case["pictures"]))
    values = np.frombuffer(rows, np.uint8).reshape(case["pictures"], height, width, 3)
    return torch.from_numpy(values.copy()).permute(0, 3, 1, 2).float().contiguous() / 255


def classify(case: dict[str, Any]) -> Any:
    model = AutoModelForImageClassification.from_pretrained(case["model"]).eval()
    pixels = (_batch(case) - 0.5) / 0.5

    @torch.inference_mode()
    def do() -> dict[str, float]:
        began = now()
        model(pixel_values=pixels).logits.softmax(-1).numpy()
        return {"": (now() - began) * 1e3}

    return do


def detect(case: dict[str, Any]) -> Any:
    """The network alone: no boxes are chosen."""
    from yolo import Yolo

    model = Yolo(classes=80).eval()
    model.read(Path(case["model"]))
    pixels = _batch(case)

    @torch.inference_mode()
    def do() -> dict[str, float]:
        began = now()
        model(pixels).numpy()
        return {"": (now() - began) * 1e3}

    return do


WORKS = {"embed": embed, "generate": generate, "classify": classify, "detect": detect}
