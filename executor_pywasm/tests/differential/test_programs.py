"""Generated programs do in the sandbox what they do in this interpreter.

Rules: a seed names a program; `make corpus ONLY=programs` runs thousands more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random

import pytest

from corpus.programs.compare import check, difference
from corpus.programs.native import Native
from edgemesh_sandbox import Sandbox

PROGRAMS, GROUP = 400, 50


@pytest.fixture(scope="module")
def native() -> Iterator[Native]:
    with Native() as native:
        yield native


@pytest.mark.parametrize("first", range(0, PROGRAMS, GROUP))
def test_programs_say_the_same_on_both_sides(native: Native, sandbox: Sandbox, first: int) -> None:
    for seed in range(first, first + GROUP):
        found = check(native, sandbox, Random(seed))
        assert found is None, (
            f"seed {seed}\n{found.program}\nhere:  {found.here}\nthere: {found.there}"
        )


def test_a_difference_is_seen(native: Native, sandbox: Sandbox) -> None:
    found = difference(native, sandbox, "import sys\nprint(1)\nprint(sys.platform)\n")
    assert found is not None
    assert (found.here, found.there) == (sys.platform, "wasi")
