"""1: a Fourier transform finds the eleven-year cycle of the Sun."""

from __future__ import annotations

import numpy as np
import sunspots
from client import Client, Wrong
from row import Row


def run(client: Client) -> list[Row]:
    """Transform the series; the largest amplitude beside the mean's is the cycle."""
    years, numbers = sunspots.load()
    x = numbers - numbers.mean()
    answer = client.compute("cpp.fft", inputs={"x": x})
    answer.demand("OK")
    y = answer.array("y")
    if not np.allclose(y, np.fft.fft(x), rtol=1e-9, atol=1e-6):
        raise Wrong("the spectrum is not NumPy's")
    peak = int(np.argmax(np.abs(y[1 : len(y) // 2]))) + 1
    period = len(years) / peak
    if not 10.5 < period < 11.5:
        raise Wrong(f"a cycle of {period:.2f} years instead of about 11")
    return [Row("cpp.fft", f"the Sun's cycle: {period:.2f} years ({peak} in {len(y)})", answer)]
