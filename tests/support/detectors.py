"""A detector of YOLOv8's shape whose weights are random: what it finds means nothing."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

NETWORKS = Path(__file__).parents[2] / "executor_ml" / "crate" / "tests" / "golden" / "yolo.json"


def put(folder: Path) -> None:
    """Write it as a model's folder."""
    network = json.loads(NETWORKS.read_text())["networks"]["yolov8"]
    chance = np.random.default_rng(5)
    header: dict[str, Any] = {}
    data = b""
    for name, shape in network["tensors"].items():
        values = chance.uniform(-0.1, 0.1, shape).astype("<f4")
        if name.endswith(("running_var", "bn.weight")):
            values += np.float32(1)
        end = len(data) + values.nbytes
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), end]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    config = {"model_type": "yolov8", "task": "detect", "names": network["names"], "imgsz": 64}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
