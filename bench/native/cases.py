"""What is compared: the same work for a plugin and for the library that it is named after.

Rules: names, parameters and shapes only; imported in both environments, so that it needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One piece of work."""

    name: str
    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    compared: str = "y"
    """The output whose numbers must agree."""
    repeats: int = 30
    tolerance: float = 1e-9
    """Of the largest difference, relative to the largest number."""


CASES = (
    Case("fft 2^20", "cpp.fft", repeats=40),
    Case("svd 512 x 512", "cpp.svd", compared="s", repeats=12),
    Case("matmul 1024 x 1024", "cpp.matmul", repeats=20),
    # OpenCV's own fixed-point arithmetic may differ by one from one version to the next.
    Case("resize 12 MP", "cpp.resize", {"dsize": [2000, 1500]}, tolerance=1.1 / 255, repeats=40),
    Case("knn 100k x 8", "cpp.knn", {"k": 8}, compared="distances", repeats=3),
)
BY_NAME = {case.name: case for case in CASES}
