"""Small detectors with made-up weights, whose shapes are those of the golden networks."""

from __future__ import annotations

import json
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
