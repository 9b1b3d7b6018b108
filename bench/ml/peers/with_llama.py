"""llama.cpp through llama-cpp-python: text of GGUF files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from clock import now
from llama_cpp import Llama


def generate(case: dict[str, Any]) -> Any:
    threads = int(os.environ["OMP_NUM_THREADS"])
    model = Llama(
        case["model"], n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    ids = model.tokenize(case["prompt"].encode(), add_bos=False, special=True)
    if len(ids) != case["prompt_tokens"]:
        raise ValueError(f"reads {len(ids)} tokens")

    def likeliest() -> int:
        pointer = model._ctx.get_logits_ith(-1)
        return int(np.ctypeslib.as_array(pointer, shape=(model.n_vocab(),)).argmax())

    def do() -> dict[str, float]:
        model.reset()
        model._ctx.kv_cache_clear()
        began = now()
        model.eval(ids)
        token = likeliest()
        first = now()
        for _ in range(case["tokens"] - 1):
            model.eval([token])
            token = likeliest()
        return {
            "prefill": (first - began) * 1e3 / len(ids),
            "decode": (now() - first) * 1e3 / (case["tokens"] - 1),
        }

    return do


WORKS = {"generate": generate}
