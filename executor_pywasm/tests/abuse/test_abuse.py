"""Hostile programs: each gets its verdict in time, and nobody else notices.

They run on a real executor, whose other tenant calls all the while; see `attack.py`. Deadlines are
loose here, since tests run on busy machines; `make abuse` holds them tightly and prints the times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from attack import Arena
from executor import Executor
from hostile import CASES
from hostile.case import Case

from edgemesh_sandbox.built import Built

_LATE_MS = 8_000
"""Behind a deadline, on a machine that does much else."""


@pytest.fixture(scope="module")
def arena(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with ExitStack() as undo:
        executor = undo.enter_context(Executor(tmp_path_factory.mktemp("abuse") / "log"))
        yield undo.enter_context(closing(Arena(executor)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}")
def test_hostile(arena: Arena, case: Case) -> None:
    found = arena.attack(case)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.late_ms < _LATE_MS
    assert found.neighbours
    assert found.slowest_ms < _LATE_MS


def test_no_two_cases_are_one() -> None:
    names = [(case.group, case.name) for case in CASES]
    assert len(set(names)) == len(names)
    kinds = {(case.code, case.streams, tuple(case.capabilities)) for case in CASES}
    assert len(kinds) == len(CASES)
