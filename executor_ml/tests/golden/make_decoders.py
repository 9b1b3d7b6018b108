"""Makes crate/tests/golden/decoders.json: small random models of every family, in transformers.

    pip install torch==2.13.0 transformers==5.23.0
    python tests/golden/make_decoders.py NEW OLD   # Pythons with transformers 5 and with 4

The weights are not stored: `decoder_families.rs` makes the same ones from the tensors' names. Of
each family the file holds `config.json` as transformers 5 and 4 write it, the tensors' names and
shapes, the logits that follow some ids, and sixty-four greedy tokens.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "decoders.json"
IDS = [(i * 29 + 7) % 90 for i in range(21)]
GREEDY = 64

COMMON: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"rope_theta": 500_000.0}),
    "llama3": ("Llama", {"rope_theta": 500_000.0, "rope_scaling": LLAMA3, "head_dim": 32}),
    "llama-linear": ("Llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True, "attention_bias": True}),
    "mistral": ("Mistral", {"sliding_window": 8}),
    "mistral-no-window": ("Mistral", {"sliding_window": None, "head_dim": 32}),
    "qwen2": ("Qwen2", {"rope_theta": 1_000_000.0, "sliding_window": None}),
    "qwen2-window": (
        "Qwen2",
        {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", {"head_dim": 32, "rope_theta": 1_000_000.0}),
    "gemma": ("Gemma", {"head_dim": 32}),
    "gemma2": ("Gemma2", {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 24}),
    "gemma3": (
        "Gemma3Text",
        {"head_dim": 32, "sliding_window": 8, "num_hidden_layers": 7, "hidden_size": 32},
    ),
    "phi3": ("Phi3", {"sliding_window": 16}),
}


def noise(count: int, name: str, scale: float) -> Any:
    """As `values` in decoder_families.rs: a congruential generator, seeded by the name."""
    import numpy as np

    state = 2_166_136_261
    for byte in name.encode():
        state = (state ^ byte) * 16_777_619 % 2**32
    out = np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        out[i] = (np.float32(state >> 8) / np.float32(1 << 23) - np.float32(1)) * np.float32(scale)
    return out


def configs() -> None:
    """Print each family's configuration as the transformers of this Python writes it."""
    import transformers

    new = int(transformers.__version__.split(".")[0]) >= 5
    out = {}
    for family, (kind, given) in FAMILIES.items():
        given = dict(given)
        if new:
            rope = dict(given.pop("rope_scaling", {"rope_type": "default"}))
            theta = given.pop("rope_theta", None)
            if theta is not None or len(rope) > 1:
                given["rope_parameters"] = rope | {"rope_theta": theta or 10_000.0}
        config = getattr(transformers, f"{kind}Config")(**COMMON | given)
        out[family] = json.loads(config.to_json_string(use_diff=False))
    print(json.dumps(out))


def golden(family: str, config: dict[str, Any]) -> dict[str, Any]:
    """Names, logits and greedy tokens of one family."""
    import torch
    import transformers

    kind = FAMILIES[family][0]
    made = getattr(transformers, f"{kind}Config")(**config)
    made._attn_implementation = "eager"
    model_class = getattr(transformers, f"{kind.removesuffix('Text')}ForCausalLM")
    model = model_class(made).float().eval()
    tensors = {}
    for name, parameter in model.named_parameters():
        shape = list(parameter.shape)
        is_norm = "norm" in name
        values = torch.from_numpy(noise(parameter.numel(), name, 0.3)).reshape(shape)
        if is_norm and not kind.startswith("Gemma"):
            values = values + 1
        with torch.no_grad():
            parameter.copy_(values)
        tensors[name] = shape
    model.tie_weights()
    with torch.inference_mode():
        logits = model(torch.tensor([IDS])).logits[0]
        out = model.generate(
            torch.tensor([IDS]),
            max_new_tokens=GREEDY,
            min_new_tokens=GREEDY,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )[0][len(IDS) :].tolist()
    rounded = [[round(float(x), 5) for x in logits[i]] for i in (0, 1, len(IDS) - 1)]
    return {"tensors": tensors, "logits": rounded, "greedy": out}


def main() -> None:
    """Make the file."""
    if sys.argv[1] == "--configs":
        configs()
        return
    new, old = (
        json.loads(subprocess.check_output([python, __file__, "--configs"]))
        for python in sys.argv[1:3]
    )
    result = {"ids": IDS, "families": {}}
    for family in FAMILIES:
        made = golden(family, new[family])
        result["families"][family] = {"config_5": new[family], "config_4": old[family]} | made
        print(family, made["greedy"][:12])
    TARGET.write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
