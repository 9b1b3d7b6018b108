"""Makes crate/tests/golden/yolo.json: small random detectors, and what becomes of their boxes.

    pip install torch==2.15.0 torchvision==0.29.2 opencv-python-headless ultralytics==8.4.190
    python tests/golden/make_yolo.py

ultralytics is here to compare numbers with, nothing of it is in this repository. The weights are
not stored: `yolo_reference.rs` makes the same ones from the tensors' names.
"""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from make_decoders import noise
from torch.nn import functional
from ultralytics.data.augment import LetterBox
from ultralytics.nn import tasks
from ultralytics.utils import YAML, checks

TARGET = Path(__file__).parents[2] / "crate" / "tests" / "golden" / "yolo.json"
HEIGHT, WIDTH = 64, 96
NAMES = ["cat", "dog", "bird"]
SCALE = [0.33, 0.125, 1024]
KINDS = {
    "yolov8": ("yolov8.yaml", "DetectionModel", "detect", SCALE),
    "yolov8-deep": ("yolov8.yaml", "DetectionModel", "detect", [0.67, 0.0625, 1024]),
    "yolov8-segment": ("yolov8-seg.yaml", "SegmentationModel", "segment", SCALE),
    "yolov8-pose": ("yolov8-pose.yaml", "PoseModel", "pose", SCALE),
    "yolo11": ("yolo11.yaml", "DetectionModel", "detect", [0.5, 0.125, 1024]),
    "yolo11-segment": ("yolo11-seg.yaml", "SegmentationModel", "segment", [0.5, 0.125, 1024]),
}


def weights(name: str, shape: list[int]) -> np.ndarray:
    """As `weights` in yolo_reference.rs."""
    count = int(np.prod(shape))
    if name.endswith("dfl.conv.weight"):
        return np.arange(count, dtype=np.float32).reshape(shape)
    if len(shape) > 1:
        return noise(count, name, 2 / np.sqrt(np.prod(shape[1:]))).reshape(shape)
    ones = name.endswith(("running_var", "bn.weight"))
    return (noise(count, name, 0.3) + np.float32(ones)).reshape(shape)


def picture(height: int, width: int) -> np.ndarray:
    """As `picture` in yolo_reference.rs."""
    values = noise(height * width * 3, f"picture {height}x{width}", 127)
    return (values + 127).astype(np.uint8).reshape(height, width, 3)


def network(name: str) -> dict[str, Any]:
    file, kind, task, scale = KINDS[name]
    config = copy.deepcopy(YAML.load(checks.check_yaml(file)))
    config["scales"], config["nc"] = {"n": scale}, 1 if task == "pose" else len(NAMES)
    config["scale"] = "n"
    if task == "pose":
        config["kpt_shape"] = [5, 3]
    model = getattr(tasks, kind)(config, verbose=False).float().eval()
    tensors = {}
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.dtype == torch.float32:
                tensors[key] = list(value.shape)
                value.copy_(torch.from_numpy(weights(key, tensors[key])))
        image = torch.from_numpy(picture(HEIGHT, WIDTH)).permute(2, 0, 1)[None].float() / 255
        out = model(image)[0]
    proto = None
    if task == "segment":
        out, proto = out
    out = out[0].clone()
    centre, half = out[:2].clone(), out[2:4].clone() / 2
    out[:2], out[2:4] = centre - half, centre + half
    told = {
        "family": name.partition("-")[0],
        "task": task,
        "names": NAMES[: config["nc"]],
        "tensors": tensors,
        "shape": list(out.shape),
        "out": [float(f"{x:.6g}") for x in out.flatten().tolist()],
    }
    if proto is not None:
        told["proto_shape"] = list(proto.shape[1:])
        told["proto"] = [float(f"{x:.6g}") for x in proto[0, 5].flatten().tolist()]
    print(name, told["shape"], float(out[4:].min()), float(out[4:].max()))
    return told


def letterbox(height: int, width: int, size: int) -> dict[str, Any]:
    out = LetterBox((size, size), auto=True, stride=32)(image=picture(height, width))
    return {
        "from": [height, width],
        "size": size,
        "shape": list(out.shape[:2]),
        "bytes": base64.b64encode(out.tobytes()).decode(),
    }


def boxes(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As `boxes` in yolo_reference.rs."""
    values = noise(count * 6, "boxes", 1).reshape(count, 6)
    corner, size = (values[:, :2] + 1) * 30, (values[:, 2:4] + 1.2) * 20
    found = torch.from_numpy(np.concatenate([corner, corner + size], 1).astype(np.float32))
    scores = torch.from_numpy(np.round((values[:, 4] + 1) * 20) / 40)  # with ties
    return found, scores, torch.from_numpy(((values[:, 5] + 1) * 1.5).astype(np.int64))


def suppressed(iou: float) -> dict[str, Any]:
    found, scores, classes = boxes(120)
    ops = torchvision.ops
    return {
        "iou": iou,
        "by_class": ops.batched_nms(found, scores, classes, iou).tolist(),
        "agnostic": ops.nms(found, scores, iou).tolist(),
    }


def masks(height: int, width: int, size: int) -> dict[str, Any]:
    """Masks of some boxes, sampled from prototypes where the picture lies in its letterbox."""
    ratio = min(size / height, size / width)
    rows, columns = round(height * ratio), round(width * ratio)
    down, across = (-rows) % 32 / 2, (-columns) % 32 / 2
    top, left = round(down - 0.1), round(across - 0.1)
    full = rows + round(down - 0.1) + round(down + 0.1), columns + left + round(across + 0.1)
    ph, pw = full[0] // 4, full[1] // 4
    proto = torch.from_numpy(noise(4 * ph * pw, "proto", 1).reshape(1, 4, ph, pw))
    weight = torch.from_numpy(noise(3 * 4, "coefficients", 1).reshape(3, 4))
    found = torch.tensor([[0, 0, width, height], [3.4, 5.5, 20.0, 30.2], [-4, 10, 12.5, 99.0]])
    logits = torch.einsum("nk,bkhw->nbhw", weight, proto)
    y = ((torch.arange(height) + 0.5) * rows / height + top) / full[0] * 2 - 1
    x = ((torch.arange(width) + 0.5) * columns / width + left) / full[1] * 2 - 1
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).expand(3, -1, -1, -1)
    sampled = functional.grid_sample(
        logits, grid, mode="bilinear", padding_mode="border", align_corners=False
    )[:, 0]
    row, column = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    x1, y1, x2, y2 = (found[:, i, None, None] for i in range(4))
    inside = (row >= y1) & (row < y2) & (column >= x1) & (column < x2)
    out = ((sampled > 0) & inside).numpy()
    return {
        "from": [height, width],
        "size": size,
        "proto_shape": [4, ph, pw],
        "boxes": found.tolist(),
        "bits": base64.b64encode(np.packbits(out).tobytes()).decode(),
    }


if __name__ == "__main__":
    told = {
        "networks": {name: network(name) for name in KINDS},
        "letterboxes": [letterbox(50, 37, 32), letterbox(20, 64, 32), letterbox(9, 13, 32)],
        "nms": [suppressed(0.5), suppressed(0.2)],
        "masks": [masks(50, 37, 64), masks(40, 90, 64)],
    }
    TARGET.write_text(json.dumps(told, separators=(",", ":")) + "\n")
    print(TARGET.stat().st_size, "bytes")
