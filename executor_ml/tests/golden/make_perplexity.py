"""Makes perplexity.json: what the references think of rabbit_hole.txt, token by token.

    pip install torch==2.15.0 transformers==5.24.0 gguf accelerate
    python tests/golden/make_perplexity.py torch MODELS    # as edgemesh_executor_ml.fetch fills it
    pip install llama-cpp-python==0.3.36
    python tests/golden/make_perplexity.py llama MODELS

| key | is |
| --- | --- |
| ids | the text's tokens |
| torch | transformers' Llama on the dequantised weights of SmolLM2's GGUF: the perplexity |
| likeliest | its likeliest token in the place of each but the first |
| llama.cpp | the perplexity by llama.cpp, on the same tokens |

The text is the beginning of Lewis Carroll's Alice's Adventures in Wonderland (1865), in the public
domain, a paragraph a line.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE / "perplexity.json"
NAME = "model.gguf"


def by_torch(folder: Path, text: str) -> dict[str, Any]:
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(folder, gguf_file=NAME, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=NAME)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, :-1]
    logprobs = torch.log_softmax(logits.double(), -1)[range(len(ids) - 1), ids[1:]]
    return {
        "ids": ids,
        "torch": math.exp(-float(logprobs.mean())),
        "likeliest": logits.argmax(-1).tolist(),
    }


def by_llama(folder: Path, ids: list[int]) -> dict[str, Any]:
    import numpy as np
    from llama_cpp import Llama

    model = Llama(str(folder / NAME), n_ctx=len(ids), n_batch=512, logits_all=True, verbose=False)
    model.eval(ids)
    logits = np.array(model.scores[: len(ids) - 1], np.float64)
    most = logits.max(-1, keepdims=True)
    sums = np.log(np.exp(logits - most).sum(-1)) + most[:, 0]
    own = logits[range(len(ids) - 1), ids[1:]]
    return {"llama.cpp": math.exp(-float((own - sums).mean()))}


def main() -> None:
    folder = Path(sys.argv[2]) / "smollm2-135m-instruct"
    text = (HERE / "rabbit_hole.txt").read_text(encoding="utf-8")
    told: dict[str, Any] = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    told |= by_torch(folder, text) if sys.argv[1] == "torch" else by_llama(folder, told["ids"])
    TARGET.write_text(json.dumps(told, separators=(",", ":")) + "\n")
    print(len(told["ids"]), {key: told[key] for key in ("torch", "llama.cpp") if key in told})


if __name__ == "__main__":
    main()
