"""Hostile modules, on a real executor: each gets its verdict in time, the next caller is served.

Deadlines are loose here, since tests run on busy machines; `make abuse ONLY=modules` holds them to
250 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from executor import Executor
from hostile_modules import CASES, ModuleCase
from module_attack import Attacker

from edgemesh_sandbox.built import Built

_LATE_MS = 8_000


@pytest.fixture(scope="module")
def attacker(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    with ExitStack() as undo:
        executor = undo.enter_context(Executor(tmp_path_factory.mktemp("modules") / "log"))
        yield undo.enter_context(closing(Attacker(executor)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_module(attacker: Attacker, case: ModuleCase) -> None:
    found = attacker.attack(case)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.late_ms < _LATE_MS


def test_no_two_cases_are_one() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_module_is_found_by_its_hash_by_who_sent_it(attacker: Attacker) -> None:
    assert attacker.finds_only_its_own() == []
