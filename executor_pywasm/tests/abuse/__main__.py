"""The abuse suite as a table: `python executor_pywasm/tests/abuse [GROUP…]`; `make abuse`.

Prints for every hostile program its outcome, how long it took, how late behind its deadline it was
stopped, and the slowest of another tenant's calls meanwhile; then what mutated bytes did to the
host. Ends with status 1 if anything is wrong, or late by more than 250 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what other tests have is used, too

import hostile_environments
import hostile_modules
import hostile_sessions
import mutations
from attack import Arena, Outcome
from executor import Executor
from hostile import CASES, GROUPS
from module_attack import Attacker
from scenario import Scenario, play

MOST_LATE_MS = 250
MUTATIONS = 12_000
MODULES = "modules"
SCENARIOS: dict[str, tuple[Any, Sequence[Scenario[Any]]]] = {
    "sessions": (hostile_sessions.SessionStage, hostile_sessions.CASES),
    "environments": (hostile_environments.EnvironmentStage, hostile_environments.CASES),
}


def main() -> int:
    """Run the groups that are asked for, or all; the exit status."""
    parser = argparse.ArgumentParser(description="Hostile programs and bytes, as a table.")
    known = [*GROUPS, MODULES, *SCENARIOS, "mutations", []]
    parser.add_argument("groups", nargs="*", choices=known, metavar="GROUP")
    groups: list[str] = parser.parse_args().groups
    began = time.monotonic()
    found = _attacks(groups)
    if not groups or MODULES in groups:
        found += _modules()
    for group in SCENARIOS:
        if not groups or group in groups:
            found += _scenarios(group)
    bad = [outcome for outcome in found if outcome.wrong or outcome.late_ms > MOST_LATE_MS]
    broken = 0
    if not groups or "mutations" in groups:
        broken = _mutations()
    print()
    if found:
        print(
            f"{len(found)} attacks, {len(bad)} wrong or late; the latest was stopped "
            f"{max(o.late_ms for o in found):.0f} ms after its deadline; "
            f"{sum(o.killed for o in found)} cost their worker process"
        )
        print(
            f"another tenant made {sum(o.neighbours for o in found)} calls meanwhile, "
            f"the slowest took {max(o.slowest_ms for o in found):.0f} ms"
        )
    print(f"{time.monotonic() - began:.0f} s")
    for outcome in bad:
        print(f"WRONG {outcome.case.group}: {outcome.case.name}")
        for text in outcome.wrong or (f"{outcome.late_ms:.0f} ms after its deadline",):
            print(f"      {text[:1000]}")
    return 1 if bad or broken else 0


def _attacks(groups: list[str]) -> list[Outcome]:
    found: list[Outcome] = []
    cases = [case for case in CASES if not groups or case.group in groups]
    if not cases:
        return found
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory())
        executor = undo.enter_context(Executor(Path(folder, "log")))
        arena = undo.enter_context(closing(Arena(executor)))
        group = ""
        for case in cases:
            if case.group != group:
                group = case.group
                print(f"\n{group:<60}{'outcome':<14}{'ms':>7}{'late':>6}{'other':>7}", flush=True)
            outcome = arena.attack(case)
            found.append(outcome)
            print(_line(outcome), flush=True)
    return found


def _modules() -> list[Outcome]:
    found: list[Outcome] = []
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory())
        executor = undo.enter_context(Executor(Path(folder, "log")))
        attacker = undo.enter_context(closing(Attacker(executor)))
        print(f"\n{MODULES:<60}{'outcome':<14}{'ms':>7}{'late':>6}{'other':>7}", flush=True)
        for case in hostile_modules.CASES:
            found.append(attacker.attack(case))
            print(_line(found[-1]), flush=True)
    return found


def _scenarios(group: str) -> list[Outcome]:
    found: list[Outcome] = []
    stage_of, cases = SCENARIOS[group]
    print(f"\n{group:<60}{'came of it':<20}{'ms':>7}", flush=True)
    with stage_of() as stage:
        for case in cases:
            found.append(play(group, case, stage))
            mark = "  WRONG" if found[-1].wrong else ""
            print(f"  {case.name:<58}{found[-1].outcome:<20}{found[-1].ms:>7.0f}{mark}", flush=True)
    return found


def _line(outcome: Outcome) -> str:
    mark = "" if outcome.late_ms <= MOST_LATE_MS else "  LATE"
    mark += "  WRONG" if outcome.wrong else ""
    late = f"{outcome.late_ms:.0f}" if outcome.outcome == "TIMEOUT" or mark else ""
    mark += "  worker killed" if outcome.killed else ""
    return (
        f"  {outcome.case.name:<58}{outcome.outcome:<14}{outcome.ms:>7.0f}{late:>6}"
        f"{outcome.slowest_ms:>7.0f}{mark}"
    )


def _mutations() -> int:
    print(f"\n{'mutated bytes':<60}{'read':>9}{'refused':>9}{'wrong':>7}")
    wrong = 0
    for target in mutations.TARGETS:
        tally = mutations.attack(target, MUTATIONS // len(mutations.TARGETS), seed=2026)
        print(f"  {target.name:<58}{tally.read:>9}{tally.refused:>9}{len(tally.wrong):>7}")
        for text in tally.wrong[:5]:
            print(f"      {text}")
        wrong += len(tally.wrong)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
