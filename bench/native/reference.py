"""A process that runs cases by NumPy, SciPy and OpenCV, told on stdin, telling on stdout.

    python -m bench.native.reference FOLDER THREADS

Rules: makes the inputs and leaves them in FOLDER for both sides; calls each library as its users
do; a case named with `?` is compared with what the other side left there, and not timed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2  # pyright: ignore[reportMissingImports]
import numpy as np
from scipy.spatial import cKDTree  # pyright: ignore[reportMissingImports]

from bench.native.cases import BY_NAME


def inputs() -> dict[str, dict[str, Any]]:
    """By algorithm and name."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((1024, 1024))
    points = rng.standard_normal((100_000, 8))
    return {
        "cpp.fft": {"x": rng.standard_normal(1 << 20)},
        "cpp.svd": {"a": matrix[:512, :512].copy()},
        "cpp.matmul": {"a": matrix, "b": rng.standard_normal((1024, 1024))},
        "cpp.resize": {"image": rng.integers(0, 256, (3000, 4000, 3), np.uint8)},
        "cpp.knn": {"points": points, "queries": points[:10_000] + 0.01},
    }


def works(threads: int) -> dict[str, Callable[..., Any]]:
    """What gives each algorithm's compared output."""
    return {
        "cpp.fft": np.fft.fft,
        "cpp.svd": lambda a: np.linalg.svd(a)[1],
        "cpp.matmul": np.matmul,
        "cpp.resize": lambda x: cv2.resize(x, (2000, 1500), interpolation=cv2.INTER_LINEAR),
        "cpp.knn": lambda points, queries: cKDTree(points).query(queries, 8, workers=threads)[0],
    }


def main(folder: Path, threads: int) -> None:
    """Serve until stdin ends."""
    cv2.setNumThreads(threads)
    given, work = inputs(), works(threads)
    for algorithm, arrays in given.items():
        for name, array in arrays.items():
            (folder / f"{algorithm}.{name}").write_bytes(array.tobytes())
        described = {n: {"dtype": a.dtype.name, "shape": a.shape} for n, a in arrays.items()}
        (folder / f"{algorithm}.json").write_text(json.dumps(described))
    print(json.dumps({"numpy": np.__version__, "opencv": cv2.__version__}), flush=True)
    for line in sys.stdin:
        case = BY_NAME[line.strip().rstrip("?")]
        arrays = given[case.algorithm]
        began = time.perf_counter()
        expected = work[case.algorithm](*arrays.values())
        took = (time.perf_counter() - began) * 1e3
        answer = {"ms": took}
        if line.strip().endswith("?"):
            got = np.frombuffer((folder / "output").read_bytes(), expected.dtype)
            gap = np.abs(got.reshape(expected.shape).astype(complex) - expected).max()
            answer = {"differ": float(gap / np.abs(expected).max())}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
