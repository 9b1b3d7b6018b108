"""A model that labels pictures, with random weights: a ViT without layers, enough for the way
through the mesh. Its labels mean nothing."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np

LABELS = {"0": "cat", "1": "dog", "2": "tree"}
SIDE, PATCH, WIDTH = 32, 8, 16


def make(folder: Path) -> None:
    """Write it, the weights last."""
    rng = np.random.default_rng(0)
    shapes = {
        "vit.embeddings.cls_token": (1, 1, WIDTH),
        "vit.embeddings.patch_embeddings.projection.weight": (WIDTH, 3, PATCH, PATCH),
        "vit.embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "vit.embeddings.position_embeddings": (1, (SIDE // PATCH) ** 2 + 1, WIDTH),
        "vit.layernorm.weight": (WIDTH,),
        "vit.layernorm.bias": (WIDTH,),
        "classifier.weight": (len(LABELS), WIDTH),
        "classifier.bias": (len(LABELS),),
    }
    header: dict[str, object] = {}
    data = b""
    for name, shape in shapes.items():
        values = rng.normal(size=shape).astype("<f4").tobytes()
        ends = [len(data), len(data) + len(values)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": ends}
        data += values
    config = {
        "model_type": "vit", "hidden_size": WIDTH, "num_hidden_layers": 0,
        "num_attention_heads": 2, "image_size": SIDE, "patch_size": PATCH, "id2label": LABELS,
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    processor = {"image_processor_type": "ViTImageProcessor", "size": SIDE}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def png(height: int, width: int) -> bytes:
    """A picture's file."""
    rows = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")
