"""The shape of YOLOv8n in PyTorch, with the names of the published state dictionary.

Its layers are those of `executor_ml/crate/src/yolo/network.rs`; normalisation is folded into the
convolutions' biases in both, as whoever runs such a model does.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

ORDER = "c c S c S c S c S p l 6 s l 4 s c 12 s c 9 s"
WIDTHS = [16, 32, 32, 64, 64, 128, 128, 256, 256, 256, 0, 0, 128, 0, 0, 64, 64, 0, 128, 128, 0, 256]
DEPTHS = {2: 1, 4: 2, 6: 2, 8: 1, 12: 1, 15: 1, 18: 1, 21: 1}
READ = (15, 18, 21)
BINS = 16


class Conv(nn.Module):
    def __init__(self, before: int, after: int, size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, size // 2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.conv(x), inplace=True)


class Bottleneck(nn.Module):
    def __init__(self, width: int, add: bool) -> None:
        super().__init__()
        self.cv1, self.cv2, self.add = Conv(width, width, 3), Conv(width, width, 3), add

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class Split(nn.Module):
    def __init__(self, before: int, after: int, depth: int, add: bool) -> None:
        super().__init__()
        half = after // 2
        self.cv1, self.cv2 = Conv(before, after), Conv((2 + depth) * half, after)
        self.m = nn.ModuleList(Bottleneck(half, add) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        all_ = list(self.cv1(x).chunk(2, 1))
        for part in self.m:
            all_.append(part(all_[-1]))
        return self.cv2(torch.cat(all_, 1))


class Pooled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(width, width // 2), Conv(width * 2, width)

    def forward(self, x: Tensor) -> Tensor:
        all_ = [self.cv1(x)]
        for _ in range(3):
            all_.append(nn.functional.max_pool2d(all_[-1], 5, 1, 2))
        return self.cv2(torch.cat(all_, 1))


class Head(nn.Module):
    def __init__(self, widths: list[int], classes: int) -> None:
        super().__init__()
        boxes, scores = max(16, widths[0] // 4, BINS * 4), max(widths[0], min(classes, 100))

        def row(before: int, inner: int, after: int) -> nn.Sequential:
            return nn.Sequential(
                Conv(before, inner, 3), Conv(inner, inner, 3), nn.Conv2d(inner, after, 1)
            )

        self.cv2 = nn.ModuleList(row(width, boxes, 4 * BINS) for width in widths)
        self.cv3 = nn.ModuleList(row(width, scores, classes) for width in widths)
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32), persistent=False)

    def forward(self, scales: list[Tensor]) -> Tensor:
        found: list[Tensor] = []
        for i, x in enumerate(scales):
            boxes = self.cv2[i](x).flatten(2).unflatten(1, (4, BINS)).softmax(2)
            sides = torch.einsum("nsbp,b->nsp", boxes, self.bins)
            found.append(torch.cat([sides, self.cv3[i](x).flatten(2).sigmoid()], 1))
        return torch.cat(found, 2)


class Yolo(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths: list[int] = []
        before = 3
        for i, kind in enumerate(ORDER.split()):
            after = WIDTHS[i] or before
            match kind:
                case "c":
                    layer: nn.Module = Conv(before, after, 3, 2)
                case "s" | "S":
                    layer = Split(before, after, DEPTHS[i], kind == "S")
                case "p":
                    layer = Pooled(after)
                case "l":
                    layer = nn.Upsample(scale_factor=2.0)
                case number:
                    layer, after = nn.Identity(), before + widths[int(number)]
            layers.append(layer)
            widths.append(after)
            before = after
        layers.append(Head([widths[i] for i in READ], classes))
        self.model = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        all_: list[Tensor] = []
        for kind, layer in zip(ORDER.split(), self.model, strict=False):
            x = torch.cat([x, all_[int(kind)]], 1) if kind.isdigit() else layer(x)
            all_.append(x)
        return self.model[-1]([all_[i] for i in READ])

    def read(self, folder: Path) -> None:
        self.load_state_dict(load_file(folder / "model.safetensors"))

    def write(self, folder: Path) -> None:
        save_file(self.state_dict(), folder / "model.safetensors")
