"""Runs one hostile program on an executor that others use, and says all that is wrong with it.

Rules: what is measured is what a caller sees, on the wire; the limits on time and memory are the
caller's to loosen (a test on a busy machine must not fail for a few milliseconds).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2
from executor import MIB, Executor
from hostile.case import NOTHING, Case
from neighbour import Neighbour

import edgemesh_sandbox

_HOST = (str(Path(edgemesh_sandbox.__file__).parent), "wasmtime", f"{Path.home()}/")
_GROWTH = 48 * MIB
_SETTLE_S = 10.0
_FOLLOWERS = 3

_FOLLOWING = """
import builtins, decimal, json, os, random, sys, warnings
import numpy as np, pandas as pd
output = [
    inputs['n'] * 2,
    any(hasattr(x, 'left') for x in (builtins, json, os, sys, np, pd, pd.DataFrame, type(sys))),
    os.listdir('/tmp'), 'LEFT' in os.environ, json.loads('[1]'), sum([1, 2]),
    sys.getrecursionlimit() > 5000, decimal.getcontext().prec, np.get_printoptions()['precision'],
    pd.options.display.max_rows, int(pd.DataFrame({'a': [1, 2]}).sum().iloc[0]),
    hasattr(sys, 'last_exc'), len(sys.argv), True is True and 1 + 1,
]
print('followed')
"""
_UNTOUCHED = [False, [], False, [1], 3, False, 28, 8, 60, 3, False, 1, 2]


@dataclass(frozen=True)
class Outcome:
    """What became of an attack."""

    case: Case
    outcome: str
    killed: bool
    """Whether it cost its worker process."""
    ms: float
    """As its caller saw it."""
    late_ms: float
    """How long after its deadline; 0 if before."""
    neighbours: int
    """Calls of the neighbour's that went on meanwhile."""
    slowest_ms: float
    """The longest of them."""
    wrong: tuple[str, ...]
    """All that is wrong, but for lateness."""


class Arena:
    """An executor, somebody who attacks it, and the neighbour."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._attacker = executor.caller("attacker")
        self._neighbour = Neighbour(executor.caller("neighbour"))
        for n in range(2 * _FOLLOWERS):
            response = self._attacker.run(_FOLLOWING, n=n)
            assert not [*_traces(response, n)], response
        self._level = max(executor.private_bytes().values())

    def attack(self, case: Case) -> Outcome:
        """Run it, then honest programs on every worker."""
        began = time.monotonic()
        response = None
        wrong: list[str] = []
        try:
            response = self._attacker.run(
                f"print('kept')\n{case.code}",
                streams=case.streams,
                run_time_ms=case.run_time_ms,
                capabilities=case.capabilities,
            )
        except grpc.RpcError as error:
            wrong.append(f"an error of the mesh: {error}")
        ended = time.monotonic()
        outcome = "" if response is None else _name(response)
        if response is not None:
            wrong += _verdict(case, response)
        wrong += self._afterwards()
        neighbours = self._neighbour.during(began, ended)
        wrong += [f"the neighbour's: {answer.wrong}" for answer in neighbours if answer.wrong]
        return Outcome(
            case,
            outcome,
            response is not None and response.failure.signal != 0,
            (ended - began) * 1e3,
            max(0.0, (ended - began) * 1e3 - case.run_time_ms),
            len(neighbours),
            max(((a.ended - a.began) * 1e3 for a in neighbours), default=0.0),
            tuple(wrong),
        )

    def close(self) -> None:
        """Hang up."""
        self._neighbour.close()
        self._attacker.close()

    def _afterwards(self) -> Iterator[str]:
        """What is left of it: in what honest programs see, and in the machine's memory."""
        for n in range(_FOLLOWERS):
            try:
                response = self._attacker.run(_FOLLOWING, n=n)
            except grpc.RpcError as error:
                yield f"the next caller: {error}"
                continue
            yield from _traces(response, n)
        limit = self._level + _GROWTH
        left = self._executor.settles_below(limit, _SETTLE_S)
        if left > limit:
            yield f"{left // MIB} MiB are held, {self._level // MIB} at the beginning"


def _name(response: compute_pb2.ComputeResponse) -> str:
    return compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")


def _verdict(case: Case, response: compute_pb2.ComputeResponse) -> Iterator[str]:
    """What is wrong with the answer."""
    said = f"{response.failure}"
    if _name(response) not in case.outcomes:
        yield f"{_name(response)}, not {' or '.join(case.outcomes)}: {said[:500]}"
    if case.says not in said:
        yield f"its failure does not say {case.says!r}: {said[:500]}"
    if case.result is not NOTHING and json.loads(response.result or "null") != case.result:
        yield f"its result is {response.result[:200]!r}"
    killed = response.failure.signal  # then nobody could be asked for what it had printed
    if case.prints and not killed and not response.stdout.startswith("kept\n"):
        yield f"what it had printed is {response.stdout[:100]!r}"
    if len(response.stdout) + len(response.stderr) > 32 << 10:
        yield f"{len(response.stdout)} characters of output"
    for text in (response.stderr, said):
        yield from (f"it was told of {host}" for host in _HOST if host in text)


def _traces(response: compute_pb2.ComputeResponse, n: int) -> Iterator[str]:
    """What an honest program saw that it should not have."""
    if _name(response) != "OK":
        yield f"the next caller's: {_name(response)} {response.failure}"
        return
    found = json.loads(response.result)
    expected = [n * 2, *_UNTOUCHED]
    if found != expected or (response.stdout, response.stderr) != ("followed\n", ""):
        yield f"the next caller saw {found}, {response.stdout!r}, {response.stderr!r}"
