"""Hostile sequences of calls, on real executors: see `hostile_sessions`, `hostile_environments`."""

from __future__ import annotations

from collections.abc import Iterator

import hostile_environments
import hostile_sessions
import pytest
from hostile_environments import EnvironmentStage
from hostile_sessions import SessionStage
from scenario import Scenario, play

from edgemesh_sandbox.built import Built

_LATE_MS = 20_000
"""On a machine that does much else."""


@pytest.fixture(scope="module")
def sessions(built: Built) -> Iterator[SessionStage]:
    with SessionStage() as stage:
        yield stage


@pytest.fixture(scope="module")
def environments(built: Built) -> Iterator[EnvironmentStage]:
    with EnvironmentStage() as stage:
        yield stage


@pytest.mark.parametrize("case", hostile_sessions.CASES, ids=lambda case: case.name)
def test_a_session(sessions: SessionStage, case: Scenario[SessionStage]) -> None:
    found = play("sessions", case, sessions)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.late_ms < _LATE_MS


@pytest.mark.parametrize("case", hostile_environments.CASES, ids=lambda case: case.name)
def test_an_environment(environments: EnvironmentStage, case: Scenario[EnvironmentStage]) -> None:
    found = play("environments", case, environments)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.late_ms < _LATE_MS
