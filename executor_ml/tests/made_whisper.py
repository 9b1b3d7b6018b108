"""A Whisper with made-up weights, as transformers saves one; what it writes is no speech.

    python made_whisper.py FOLDER

Windows of four seconds, three languages, text of single characters. Its weights are so small that
nearly all tokens are as likely: it says something in every window, mostly in parts of one token.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from made import put, safetensors

SOURCES, TARGETS, HIDDEN, MELS = 200, 64, 32, 80
WINDOW_S = 2 * SOURCES / 100
TEXT = [*map(chr, range(ord("!"), ord("~") + 1)), "Ġ"]
CONTROL = [
    "endoftext", "startoftranscript", "en", "de", "fr", "translate", "transcribe", "startoflm",
    "startofprev", "nospeech", "notimestamps",
]  # fmt: skip
FIRST_TIME = len(TEXT) + len(CONTROL)


def _shapes() -> dict[str, tuple[int, ...]]:
    h = HIDDEN
    shapes: dict[str, tuple[int, ...]] = {}

    def pair(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    def attention(name: str) -> None:
        for part in ("q_proj", "v_proj", "out_proj"):
            pair(f"{name}.{part}", h, h)
        shapes[f"{name}.k_proj.weight"] = (h, h)
        pair(f"{name}_layer_norm", h)

    for half in ("encoder", "decoder"):
        layer = f"model.{half}.layers.0"
        attention(f"{layer}.self_attn")
        if half == "decoder":
            attention(f"{layer}.encoder_attn")
        pair(f"{layer}.fc1", h, h)
        pair(f"{layer}.fc2", h, h)
        pair(f"{layer}.final_layer_norm", h)
        pair(f"model.{half}.layer_norm", h)
    pair("model.encoder.conv1", h, MELS, 3)
    pair("model.encoder.conv2", h, h, 3)
    shapes["model.encoder.embed_positions.weight"] = (SOURCES, h)
    shapes["model.decoder.embed_positions.weight"] = (TARGETS, h)
    shapes["model.decoder.embed_tokens.weight"] = (FIRST_TIME + SOURCES + 1, h)
    return shapes


def whisper(seed: int = 1, **config: Any) -> dict[str, bytes]:
    """The files of a model."""
    control = {name: len(TEXT) + i for i, name in enumerate(CONTROL)}
    end = control["endoftext"]
    described = {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "vocab_size": FIRST_TIME + SOURCES + 1,
        "num_mel_bins": MELS,
        "d_model": HIDDEN,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": HIDDEN,
        "decoder_ffn_dim": HIDDEN,
        "max_source_positions": SOURCES,
        "max_target_positions": TARGETS,
        "decoder_start_token_id": control["startoftranscript"],
        "eos_token_id": end,
    } | config
    generation = {
        "is_multilingual": True,
        "lang_to_id": {f"<|{code}|>": control[code] for code in ("en", "de", "fr")},
        "no_timestamps_token_id": control["notimestamps"],
        "max_initial_timestamp_index": 50,
        "begin_suppress_tokens": [TEXT.index("Ġ"), end],
        "suppress_tokens": list(range(end + 1, control["notimestamps"])),
    }
    features = {
        "feature_size": MELS, "hop_length": 160, "n_fft": 400, "sampling_rate": 16_000,
        "chunk_length": int(WINDOW_S),
    }  # fmt: skip
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": id,
                "content": f"<|{name}|>",
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for name, id in control.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "model": {
            "type": "BPE",
            "vocab": {text: id for id, text in enumerate(TEXT)},
            "merges": [],
        },
    }
    return {
        "config.json": json.dumps(described).encode(),
        "generation_config.json": json.dumps(generation).encode(),
        "preprocessor_config.json": json.dumps(features).encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "model.safetensors": safetensors(_shapes(), seed),
    }


if __name__ == "__main__":
    put(Path(sys.argv[1]), whisper())
