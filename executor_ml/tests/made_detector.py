"""Small detectors with made-up weights, whose shapes are those of the golden networks, and PNGs."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from pathlib import Path
from typing import Any

from made import floats

NETWORKS = Path(__file__).parents[1] / "crate" / "tests" / "golden" / "yolo.json"


def detector(kind: str = "yolov8", **config: Any) -> dict[str, bytes]:
    """The files of a network of the golden file, of another task or family by `kind`."""
    network = json.loads(NETWORKS.read_text())["networks"][kind]
    header: dict[str, Any] = {}
    data: list[bytes] = []
    at = 0
    for seed, (name, shape) in enumerate(network["tensors"].items()):
        count = 1
        for n in shape:
            count *= n
        values = floats(count, seed)
        if name.endswith(("running_var", "bn.weight")):
            values = array("f", [value + 1 for value in array("f", values)]).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + count * 4]}
        data.append(values)
        at += count * 4
    text = json.dumps(header).encode()
    described = {
        "model_type": network["family"],
        "task": network["task"],
        "names": dict(enumerate(network["names"])),
        "kpt_shape": [5, 3],
        "imgsz": 64,
    } | config
    return {
        "config.json": json.dumps(described).encode(),
        "model.safetensors": len(text).to_bytes(8, "little") + text + b"".join(data),
    }


def png(width: int, height: int, told: tuple[int, int] | None = None) -> bytes:
    """A picture of colours that run across it; `told`: what its header says instead."""
    rows = b"".join(
        b"\0" + bytes((x * 7 + c * 80 + y * 3) % 256 for x in range(width) for c in range(3))
        for y in range(height)
    )

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    size = struct.pack(">IIBBBBB", *(told or (width, height)), 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
