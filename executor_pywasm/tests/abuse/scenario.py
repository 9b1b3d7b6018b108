"""What is no single program: several calls of an attacker's, and what may come of them.

Rules: a stage is where a group of scenarios is played: an executor, and somebody honest on it, who
is asked after each. What came of a scenario is one word (an outcome, or the reason of the mesh's
error) and what was said; all else that is wrong with it, the scenario tells itself by raising
`Wrong`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import grpc
from attack import Outcome
from edgemesh.compute.v1 import compute_pb2
from ground.executor import Refusal
from hostile.case import Case


class Wrong(Exception):
    """Something came of it that must not."""


class Stage(Protocol):
    """Where scenarios are played."""

    def honest(self) -> list[str]:
        """What is wrong with what honest callers see now."""
        ...


S = TypeVar("S", bound=Stage)
Came = tuple[str, str]
"""What came of it: a word, and what was said."""


@dataclass(frozen=True)
class Scenario(Generic[S]):
    """Calls that are up to no good."""

    name: str
    act: Callable[[S], Came]
    outcomes: Sequence[str]
    """Those that are right."""
    says: str = ""
    run_time_ms: int = 10_000
    """When it is to be over."""


def play(group: str, scenario: Scenario[S], stage: S) -> Outcome:
    """Play it, then ask honest callers."""
    began = time.monotonic()
    wrong: list[str] = []
    came, said = "", ""
    try:
        came, said = scenario.act(stage)
    except Wrong as error:
        wrong.append(str(error))
    except grpc.RpcError as error:
        came, said = refused(error)
    spent_ms = (time.monotonic() - began) * 1e3
    if came not in scenario.outcomes and not wrong:
        wrong.append(f"{came or 'nothing'}, not {' or '.join(scenario.outcomes)}: {said[:500]}")
    if scenario.says not in said and not wrong:
        wrong.append(f"it does not say {scenario.says!r}: {said[:500]}")
    wrong += stage.honest()
    case = Case(group=group, name=scenario.name, code="", outcomes=scenario.outcomes)
    late_ms = max(0.0, spent_ms - scenario.run_time_ms)
    return Outcome(case, came, False, spent_ms, late_ms, 0, 0.0, tuple(wrong))


def answered(response: compute_pb2.ComputeResponse) -> Came:
    """What came of a call."""
    name = compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
    return name, f"{response.failure}"


def refused(error: grpc.RpcError) -> Came:
    """What came of a call that is refused: its reason, and all that it says."""
    call: Any = error
    if "grpc-status-details-bin" not in dict(call.trailing_metadata() or ()):
        return call.code().name, str(call.details())
    refusal = Refusal(error)
    return refusal.reason, f"{call.details()} {refusal.fields}"


def asking(ask: Callable[[], Any]) -> Came:
    """What comes of something that is to be refused."""
    try:
        ask()
    except grpc.RpcError as error:
        return refused(error)
    return "OK", ""
