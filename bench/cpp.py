"""cpp.fft and cpp.matmul as the executor's own clock says, beside NumPy in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import tensor_pb2

from bench.caller import caller, p50, request
from bench.report import Line, save

CALLS = 30


def _tensor(array: npt.NDArray[np.float64]) -> tensor_pb2.Tensor:
    return tensor_pb2.Tensor(
        dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=array.shape, data=array.tobytes()
    )


def _numpys(work: Callable[[], Any]) -> float:
    taken: list[float] = []
    for _ in range(CALLS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return p50(taken)


async def measure() -> list[Line]:
    """Small and large, interleaved with NumPy."""
    rng = np.random.default_rng(1)
    lines: list[Line] = []
    async with caller("cpp") as cpp:
        for points in (1024, 1 << 20):
            x = rng.standard_normal(points)
            made = request("cpp.fft", None, {"x": _tensor(x)})
            lines.append(Line(f"fft of {points}", p50(await cpp.total_ms(made, CALLS)), "ms"))
            lines.append(Line("  NumPy's", _numpys(lambda x=x: np.fft.fft(x)), "ms"))
        for rows in (64, 768):
            a = rng.standard_normal((rows, rows))
            made = request("cpp.matmul", None, {"a": _tensor(a), "b": _tensor(a)})
            took = p50(await cpp.total_ms(made, CALLS))
            lines.append(Line(f"matmul of {rows} x {rows}", took, "ms"))
            lines.append(Line("  NumPy's", _numpys(lambda a=a: a @ a), "ms"))
    save("cpp", lines, calls=CALLS)
    return lines
