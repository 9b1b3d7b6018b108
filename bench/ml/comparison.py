"""The crate beside its peers: every work in one run, on the same threads, with ratios and goals.

Rules: on one thread ratios are of processor time (`peers/clock.py`), which holds on a machine that
others use too; on two they are of time on the wall, and need a quiet one.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.brief import unless_brief
from bench.environments import PeerMissing
from bench.ml.cases import Case, all_cases
from bench.ml.processes import LLAMA, OURS, PEERS, SERVE, TORCH, compare, served
from bench.report import Line
from edgemesh_local.layout import Layout

THREADS = unless_brief((1, 2), (1,))
UNITS = {"prefill": 1e3, "decode": 1e3, "": None}
"""What a part's milliseconds are told as: so many of them a second, or as they are."""


async def measure(only: str = "") -> list[Line]:
    """Lines of all works whose names hold `only`."""
    pythons, missing = await asyncio.to_thread(_environments)
    made = Layout.here().cache / "bench-models"
    missing |= await asyncio.to_thread(_make, made, pythons)
    lines = [Line.none(name, reason) for name, reason in missing.items()]
    cases = [case for case in all_cases(made) if only in case.name]
    for threads in THREADS:
        async with served(pythons, threads) as found:
            for case in cases:
                names = [OURS, *(name for name in case.peers if name in found)]
                taken, why = await compare(case.work, names, found)
                new = _lines(case, threads, taken, why)
                for line in new:
                    print(f"... {line.what}: {line.missing or f'{line.value:.4g} {line.unit}'}")
                lines += new
    return lines


def _environments() -> tuple[dict[str, Path], dict[str, str]]:
    """Interpreters of the peers that can be had, and why of the others not."""
    pythons: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for peer in PEERS:
        print(f"... {peer.name}{peer.once}", flush=True)
        try:
            pythons[peer.name] = peer.python()
        except PeerMissing as error:
            missing[peer.name] = error.reason
    return pythons, missing


def _make(folder: Path, pythons: Mapping[str, Path]) -> dict[str, str]:
    """Models with random weights, in the environments of peers; why some could not be made."""
    folder.mkdir(parents=True, exist_ok=True)
    minilm = Layout.here().cache / "models" / "all-minilm-l6-v2"
    missing: dict[str, str] = {}
    for peer, script in ((TORCH, "make_torch.py"), (LLAMA, "make_gguf.py")):
        if peer.name not in pythons:
            missing[f"models of {script}"] = f"need {peer.name}"
            continue
        words = [str(pythons[peer.name]), str(SERVE.with_name(script)), str(folder), str(minilm)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            missing[f"models of {script}"] = (done.stderr.strip().splitlines() or ["?"])[-1][:120]
    return missing


def _lines(
    case: Case,
    threads: int,
    taken: Mapping[str, Mapping[str, float]],
    missing: Mapping[str, str],
) -> Sequence[Line]:
    """Our figures, then how much of each peer's speed that is."""
    title = f"{case.name}, {threads} thread{'s' * (threads > 1)}"
    lines: list[Line] = []
    ours = taken.get(OURS)
    if ours is None:
        return [Line.none(title, missing.get(OURS, "?"))]
    for part, took in ours.items():
        per = UNITS[part]
        what = f"{title}, {part}" if part else title
        lines.append(Line(what, per / took, "1/s") if per else Line(what, took, "ms"))
        for name, goals in case.peers.items():
            if name not in taken:
                lines.append(Line.none(f"{what}: of {name}", missing.get(name, "not here")))
                continue
            ratio, goal = taken[name][part] / took, goals[part]
            if goal is None:
                lines.append(Line(f"{what}: of {name}", ratio, "x"))
            else:
                lines.append(Line.least(f"{what}: of {name}", ratio, "x", goal))
    return lines
