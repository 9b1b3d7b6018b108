"""Makes GGUF files of a llama of half a billion random weights: `python make_gguf.py FOLDER`.

Rules: in the environment of llama.cpp; a file appears whole or not at all, and one that there is,
is left. Blocks are made as they lie in a file: a random byte is as good as a quantised weight.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import words
from gguf import GGMLQuantizationType, GGUFWriter

HIDDEN, FEED, LAYERS, HEADS, KEYS, WORDS, CONTEXT = 1024, 4096, 28, 16, 8, 32_000, 1024


def q8_0(rows: int, columns: int, chance: np.random.Generator) -> np.ndarray:
    """34 bytes for 32 weights: a scale and a byte each."""
    count = rows * columns // 32
    blocks = chance.integers(0, 256, (count, 34), np.uint8)
    blocks[:, :2] = np.full(count, 0.03 / 74, np.float16)[:, None].view(np.uint8)
    return blocks.reshape(rows, -1)


def q4_k(rows: int, columns: int, chance: np.random.Generator) -> np.ndarray:
    """144 bytes for 256 weights: two scales, scales and minima of 6 bits, and half a byte each."""
    count = rows * columns // 256
    blocks = chance.integers(0, 256, (count, 144), np.uint8)
    scales = np.array([0.03 / 150, 7.5 * 0.03 / 150], np.float16).view(np.uint8)
    blocks[:, :4] = scales
    return blocks.reshape(rows, -1)


KINDS = {
    "q8_0": (GGMLQuantizationType.Q8_0, q8_0),
    "q4_k": (GGMLQuantizationType.Q4_K, q4_k),
}


def write(path: Path, name: str) -> None:
    kind, make = KINDS[name]
    chance = np.random.default_rng(0)
    file = GGUFWriter(path, "llama")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(HIDDEN)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(FEED)
    file.add_head_count(HEADS)
    file.add_head_count_kv(KEYS)
    file.add_rope_dimension_count(HIDDEN // HEADS)
    file.add_rope_freq_base(10_000.0)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(WORDS)
    tokens = words.vocabulary(WORDS)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_types([1] * (WORDS - 1) + [3])
    file.add_token_merges(["! !"])
    file.add_eos_token_id(WORDS - 1)
    file.add_bos_token_id(WORDS - 1)

    def put(name: str, rows: int, columns: int) -> None:
        file.add_tensor(f"{name}.weight", make(rows, columns, chance), raw_dtype=kind)

    def gain(name: str) -> None:
        file.add_tensor(f"{name}.weight", np.ones(HIDDEN, np.float32))

    put("token_embd", WORDS, HIDDEN)
    put("output", WORDS, HIDDEN)
    gain("output_norm")
    keys = HIDDEN // HEADS * KEYS
    for i in range(LAYERS):
        block = f"blk.{i}"
        gain(f"{block}.attn_norm")
        gain(f"{block}.ffn_norm")
        put(f"{block}.attn_q", HIDDEN, HIDDEN)
        put(f"{block}.attn_k", keys, HIDDEN)
        put(f"{block}.attn_v", keys, HIDDEN)
        put(f"{block}.attn_output", HIDDEN, HIDDEN)
        put(f"{block}.ffn_gate", FEED, HIDDEN)
        put(f"{block}.ffn_up", FEED, HIDDEN)
        put(f"{block}.ffn_down", HIDDEN, FEED)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def main() -> None:
    for name in KINDS:
        target = Path(sys.argv[1]) / f"llama-500m-{name}.gguf"
        if not target.exists():
            unfinished = target.with_name(f".{target.name}")
            write(unfinished, name)
            unfinished.rename(target)


if __name__ == "__main__":
    main()
