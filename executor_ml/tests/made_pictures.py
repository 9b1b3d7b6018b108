"""Small models that read pictures, with made-up weights, and pictures."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from made import safetensors

WIDTH = 16
LABELS = {"0": "cat", "1": "dog", "2": "tree"}


def _layers(at: str, names: dict[str, str], feed: int) -> dict[str, tuple[int, ...]]:
    """A transformer's one layer."""
    w = WIDTH
    shapes: dict[str, tuple[int, ...]] = {}
    for part, name in names.items():
        rows = {"up": feed}.get(part, w)
        columns = {"down": feed}.get(part, w)
        is_norm = part in ("before", "after")
        shapes[f"{at}.0.{name}.weight"] = (w,) if is_norm else (rows, columns)
        shapes[f"{at}.0.{name}.bias"] = (rows,)
    return shapes


def vit(seed: int = 1, size: int = 32, **config: Any) -> dict[str, bytes]:
    """The files of a ViT of one layer, which labels pictures."""
    attention = {n: f"attention.attention.{n}" for n in ("query", "key", "value")}
    names = {
        "before": "layernorm_before",
        **attention,
        "output": "attention.output.dense",
        "after": "layernorm_after",
        "up": "intermediate.dense",
        "down": "output.dense",
    }
    shapes = {
        "vit.embeddings.cls_token": (1, 1, WIDTH),
        "vit.embeddings.patch_embeddings.projection.weight": (WIDTH, 3, 8, 8),
        "vit.embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "vit.embeddings.position_embeddings": (1, (size // 8) ** 2 + 1, WIDTH),
        "vit.layernorm.weight": (WIDTH,),
        "vit.layernorm.bias": (WIDTH,),
        "classifier.weight": (len(LABELS), WIDTH),
        "classifier.bias": (len(LABELS),),
    } | _layers("vit.encoder.layer", names, 24)
    described = {
        "architectures": ["ViTForImageClassification"], "model_type": "vit",
        "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24, "image_size": size, "patch_size": 8, "id2label": LABELS,
    } | config  # fmt: skip
    return {
        "config.json": json.dumps(described).encode(),
        "preprocessor_config.json": json.dumps(
            {"image_processor_type": "ViTImageProcessor", "size": {"height": size, "width": size}}
        ).encode(),
        "model.safetensors": safetensors(shapes, seed),
    }


def clip(seed: int = 1) -> dict[str, bytes]:
    """The files of a CLIP of one layer each."""
    parts = {n: f"self_attn.{n}_proj" for n in ("q", "k", "v", "out")}
    names = {"before": "layer_norm1", **parts, "after": "layer_norm2"}
    names |= {"up": "mlp.fc1", "down": "mlp.fc2"}
    words = ["<s>", "</s>", "<unk>", "a", "cat", "dog", "warm", "up"]
    shapes: dict[str, tuple[int, ...]] = {
        "logit_scale": (),
        "visual_projection.weight": (12, WIDTH),
        "text_projection.weight": (12, WIDTH),
        "vision_model.embeddings.class_embedding": (WIDTH,),
        "vision_model.embeddings.patch_embedding.weight": (WIDTH, 3, 8, 8),
        "vision_model.embeddings.position_embedding.weight": (17, WIDTH),
        "text_model.embeddings.token_embedding.weight": (len(words), WIDTH),
        "text_model.embeddings.position_embedding.weight": (8, WIDTH),
    }
    norms = "vision_model.pre_layrnorm", "vision_model.post_layernorm"
    for norm in (*norms, "text_model.final_layer_norm"):
        shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (WIDTH,)
    for model in ("vision_model", "text_model"):
        shapes |= _layers(f"{model}.encoder.layers", names, 24)
    both = {
        "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24,
    }  # fmt: skip
    described = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": 12,
        "vision_config": both | {"image_size": 32, "patch_size": 8},
        "text_config": both
        | {"vocab_size": len(words), "max_position_embeddings": 8, "eos_token_id": 1},
    }
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]},
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: i for i, word in enumerate(words)},
            "unk_token": "<unk>",
        },
    }
    return {
        "config.json": json.dumps(described).encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "processor_config.json": json.dumps(
            {
                "processor_class": "CLIPProcessor",
                "image_processor": {
                    "image_processor_type": "CLIPImageProcessor",
                    "size": {"shortest_edge": 32},
                    "crop_size": {"height": 32, "width": 32},
                },
            }
        ).encode(),
        "model.safetensors": safetensors(shapes, seed),
    }


def rgb(height: int, width: int) -> bytes:
    """Rows of a picture."""
    return bytes(
        (x * 5 + y * 3 * (c + 1)) % 256
        for y in range(height)
        for x in range(width)
        for c in range(3)
    )


def png(height: int, width: int, rows: bytes | None = None) -> bytes:
    """The same as a file; with `rows`, whatever its header says."""
    rows = rgb(height, width) if rows is None else rows
    lines = b"".join(b"\0" + rows[i : i + width * 3] for i in range(0, len(rows), width * 3))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
