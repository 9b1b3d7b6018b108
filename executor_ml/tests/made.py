"""Small models with made-up weights, as transformers and llama.cpp save them."""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = 32
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "warm", "up", "one", "two"]


def floats(count: int, seed: int) -> bytes:
    """Numbers between -0.1 and 0.1, others for another seed."""
    some = [((i * 2654435761 + seed * 40503) % 1009 - 504) / 5040 for i in range(min(count, 1009))]
    return array("f", (some * (count // len(some) + 1))[:count]).tobytes()


def safetensors(shapes: Mapping[str, tuple[int, ...]], seed: int) -> bytes:
    header: dict[str, Any] = {}
    data: list[bytes] = []
    at = 0
    for name, shape in shapes.items():
        count = 1
        for n in shape:
            count *= n
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + count * 4]}
        data.append(floats(count, seed + len(data)))
        at += count * 4
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(data)


def bert(seed: int = 1, feed: int = 64, **config: Any) -> dict[str, bytes]:
    """The files of an encoder; `feed`: 256 bytes of weights for each."""
    h = HIDDEN
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), h),
        "embeddings.position_embeddings.weight": (16, h),
        "embeddings.token_type_embeddings.weight": (2, h),
    }

    def pair(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    pair("embeddings.LayerNorm", h)
    layer = "encoder.layer.0"
    for part in ("query", "key", "value"):
        pair(f"{layer}.attention.self.{part}", h, h)
    pair(f"{layer}.attention.output.dense", h, h)
    pair(f"{layer}.attention.output.LayerNorm", h)
    pair(f"{layer}.intermediate.dense", feed, h)
    pair(f"{layer}.output.dense", h, feed)
    pair(f"{layer}.output.LayerNorm", h)
    described = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "vocab_size": len(WORDS),
        "hidden_size": h,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": feed,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 16,
    } | config
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["[SEP]", 3],
            "cls": ["[CLS]", 2],
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: i for i, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }
    return {
        "config.json": json.dumps(described).encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "model.safetensors": safetensors(shapes, seed),
    }


def described(files: Mapping[str, bytes], /, **changes: object) -> dict[str, bytes]:
    """The same with a manifest."""
    from hashlib import sha256

    manifest = {
        "name": "made",
        "task": "embed",
        "family": "bert",
        "licence": "none",
        "version": "1",
        "description": "made up",
        "files": [
            {"path": path, "bytes": len(data), "sha256": sha256(data).hexdigest()}
            for path, data in files.items()
        ],
    } | changes
    return {**files, "model.json": json.dumps(manifest).encode()}


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder, one after another."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (folder / path).write_bytes(data)
    return folder


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value: Any) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _text(value)
        case float():
            return struct.pack("<If", 6, value)
        case int():
            return struct.pack("<II", 4, value)
        case [str(), *_] | []:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
        case _:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


def gguf(**changes: Any) -> bytes:
    """A llama; `changes` of its metadata, by their keys with __ for a dot."""
    tokens = [chr(i) for i in range(ord("!"), ord("~") + 1)] + ["<s>", "</s>"]
    feed = 64
    metadata: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "Made Up",
        "llama.block_count": 1,
        "llama.context_length": 64,
        "llama.embedding_length": HIDDEN,
        "llama.feed_forward_length": feed,
        "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 1,
        "llama.rope.dimension_count": HIDDEN // 2,
        "llama.rope.freq_base": 10_000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (len(tokens) - 2) + [3, 3],
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
    } | {key.replace("__", "."): value for key, value in changes.items()}
    shapes = {"token_embd": (len(tokens), HIDDEN), "output_norm": (HIDDEN,)}
    block = {
        "attn_norm": (HIDDEN,),
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (HIDDEN // 2, HIDDEN),
        "attn_v": (HIDDEN // 2, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        "ffn_norm": (HIDDEN,),
        "ffn_gate": (feed, HIDDEN),
        "ffn_up": (feed, HIDDEN),
        "ffn_down": (HIDDEN, feed),
    }
    for layer in range(metadata["llama.block_count"]):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(metadata))
    head += b"".join(_text(key) + _value(value) for key, value in metadata.items())
    data = b""
    for name, shape in shapes.items():
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        head += _text(f"{name}.weight") + dimensions + struct.pack("<IQ", 0, len(data))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        data += floats(count, len(data))
        data += bytes(-len(data) % 32)
    return head + bytes(-len(head) % 32) + data
