"""The input: yearly sunspot numbers, 1700 to 2008 (data/README.md says from where)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).parent / "data" / "sunspots.csv"


def load() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Years and sunspot numbers, both float64 [309]."""
    years, numbers = np.loadtxt(FILE, delimiter=",", skiprows=1, unpack=True)
    return years, numbers
