"""Plugins that stand on different versions of the same library never meet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from loading.workshop import Executor, Workshop, put

Start = Callable[..., Executor]
LIBRARIES = {"openblas": "libopenblas.so.0", "blis": "libblis.so.4"}


def library(name: str) -> str:
    """Where a BLAS lies; the part of the check that is this test alone brings it."""
    for folder in Path("/usr/lib").glob("*-linux-gnu"):
        if (folder / LIBRARIES[name]).exists():
            return str(folder / LIBRARIES[name])
    if "ALL_LIBRARIES" in os.environ:
        raise FileNotFoundError(LIBRARIES[name])
    pytest.skip(f"{LIBRARIES[name]} is missing: apt-get install libblis-openmp-dev")


async def test_two_of_the_same_name_and_one_of_each_kind(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    for secret, name in enumerate(LIBRARIES):
        put(workshop.make("blas.c", library(name), NAME=name, SECRET=secret), folder, name)
    executor = start()
    results = await asyncio.gather(
        *(executor.result(f"cpp.{name}") for _ in range(50) for name in LIBRARIES)
    )
    for secret, name in enumerate(LIBRARIES):
        for found in results[secret::2]:
            assert (found["dot"], found["secret"]) == (32, secret)
            assert name in found["library"]
