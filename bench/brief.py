"""Whether a run only shows that the bench works: BENCH_BRIEF=1, as tests of the pages have it.

Rules: every measurement is made still, once and by little, so that what comes of it is no figure;
what peers are not here already are not fetched, and their lines say so.
"""

from __future__ import annotations

import os
from typing import TypeVar

BRIEF = bool(os.environ.get("BENCH_BRIEF"))
T = TypeVar("T")


def unless_brief(usual: T, brief: T) -> T:
    """How much is measured."""
    return brief if BRIEF else usual
