"""Replays load through the gateway's scheduler alone: a million requests of a thousand tenants
over a thousand slots, in simulated time.

    REQUESTS=1000000 gateway/.venv/bin/python bench/scheduler_sim.py [--json FILE]

Rules: the queue is the gateway's own, with its defaults but for the count that may wait; arrivals
and run times are drawn from a fixed seed. Realtime and interactive tenants ask for a part of the
slots, each batch tenant for more than its share, so that batch always waits and some of it is sent
away. It needs nothing but the gateway's environment; `make bench ONLY=scheduler` plots what it
finds.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edgemesh_gateway.scheduling import CLASSES, Entry, FairQueue

REQUESTS = int(
    os.environ.get("REQUESTS") or (20_000 if os.environ.get("BENCH_BRIEF") else 1_000_000)
)
TENANTS, SLOTS = 1000, 1000
RUN_S = 0.05
"""Mean time on a slot, exponential."""
NAMES = ("realtime", "interactive", "batch")
OF_CLASS = (0.1, 0.4, 0.5)
"""Part of the tenants."""
LOAD = (0.2, 0.4, 0.75)
"""Of what the slots can do: 1.35 in all."""
WEIGHTS = (1.0, 2.0, 4.0)
MOST, MOST_BYTES = 50_000, 256 << 20
AGEING_S = 10.0
WARM_UP = 0.2
"""Part of the requests after which shares are counted: every batch tenant waits by then."""
DEEP, DECISIONS = 100_000, 50_000
SEED = 20_240_601


@dataclass
class Found:
    """What came of it."""

    waits: tuple[list[float], ...] = field(
        default_factory=lambda: tuple([] for _ in range(CLASSES))
    )
    granted: Counter[str] = field(default_factory=Counter[str])
    """Batch grants by tenant, after the warm-up."""
    shed: list[int] = field(default_factory=lambda: [0] * CLASSES)
    late: int = 0
    most_waiting: int = 0
    decisions: int = 0
    seconds: float = 0.0
    """Of processor time, for the whole replay."""


def replay(requests: int, weights: dict[str, float], ranks: dict[str, int]) -> Found:
    """All of them, and what became of each."""
    found = Found()
    queue = FairQueue[Entry](MOST, MOST_BYTES, AGEING_S, weights.__getitem__)
    dice = random.Random(SEED)
    by_rank = [[name for name, rank in ranks.items() if rank == each] for each in range(CLASSES)]
    rate = sum(LOAD) * SLOTS / RUN_S
    ends: list[float] = []
    free, now = SLOTS, 0.0
    began = time.process_time()

    def grant() -> None:
        nonlocal free
        while free and queue.standing:
            entry, _, late = queue.take(now)
            found.late += len(late)
            found.decisions += 1
            if entry is None:
                return
            free -= 1
            heapq.heappush(ends, now + dice.expovariate(1 / RUN_S))
            found.waits[entry.rank].append(now - entry.arrived)
            if counted and entry.rank == CLASSES - 1:
                found.granted[entry.tenant] += 1

    for number in range(requests):
        counted = number > WARM_UP * requests
        comes = now + dice.expovariate(rate)
        while ends and ends[0] <= comes:
            now = heapq.heappop(ends)
            free += 1
            grant()
        now = comes
        rank = dice.choices(range(CLASSES), LOAD)[0]
        tenant = dice.choice(by_rank[rank])
        deadline = now + 60.0 if number % 2 else None
        queue.add(Entry(tenant, rank, size=dice.randrange(4096), deadline=deadline), now)
        grant()
        while queue.shares.too_many or queue.shares.too_large:
            found.shed[queue.shed().rank] += 1
        found.most_waiting = max(found.most_waiting, len(queue))
    found.seconds = time.process_time() - began
    return found


def decision_us(weights: dict[str, float], ranks: dict[str, int]) -> tuple[float, float]:
    """Processor time of a decision and of an arrival, while 100,000 wait."""
    dice = random.Random(SEED)
    queue = FairQueue[Entry](2 * DEEP, 1 << 40, AGEING_S, weights.__getitem__)
    tenants = list(ranks)
    fresh = [
        Entry(tenant, ranks[tenant], size=1000, deadline=dice.choice((None, 60.0 + dice.random())))
        for tenant in dice.choices(tenants, k=DEEP + DECISIONS)
    ]
    for number, entry in enumerate(fresh[:DEEP]):
        queue.add(entry, number * 1e-6)
    taking = adding = 0.0
    batch = 100
    for first in range(DEEP, DEEP + DECISIONS, batch):
        began = time.process_time()
        for _ in range(batch):
            queue.take(1.0)
        between = time.process_time()
        for entry in itertools.islice(fresh, first, first + batch):
            queue.add(entry, 1.0)
        taking += between - began
        adding += time.process_time() - between
    return taking / DECISIONS * 1e6, adding / DECISIONS * 1e6


def quantile(values: list[float], at: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * at))] if values else 0.0


def main() -> None:
    """Print a table; with --json, write the figures and points of the waits' distributions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cuts = list(itertools.accumulate(part * TENANTS for part in OF_CLASS))
    ranks = {
        f"tenant{number}": next(rank for rank, cut in enumerate(cuts) if number < cut)
        for number in range(TENANTS)
    }
    weights = {name: WEIGHTS[number % len(WEIGHTS)] for number, name in enumerate(ranks)}
    found = replay(REQUESTS, weights, ranks)
    take_us, add_us = decision_us(weights, ranks)
    for waits in found.waits:
        waits.sort()
    batch = [name for name, rank in ranks.items() if rank == CLASSES - 1]
    shares = {
        weight: sum(found.granted[name] for name in batch if weights[name] == weight)
        / max(1, sum(found.granted.values()))
        / (weight * sum(weights[n] == weight for n in batch) / sum(weights[n] for n in batch))
        for weight in WEIGHTS
    }
    off = sorted(
        abs(found.granted[n] / weights[n] * sum(weights[m] for m in batch)
            / max(1, sum(found.granted.values())) - 1)
        for n in batch
    )  # fmt: skip
    points = [number / 200 for number in range(200)] + [0.999]
    figures = {
        "requests": REQUESTS,
        "wait_ms": {
            name: {str(at): quantile(found.waits[rank], at) * 1e3 for at in points}
            for rank, name in enumerate(NAMES)
        },
        "p99_ms": [quantile(waits, 0.99) * 1e3 for waits in found.waits],
        "p50_ms": [quantile(waits, 0.5) * 1e3 for waits in found.waits],
        "granted": [len(waits) for waits in found.waits],
        "shed": found.shed,
        "late": found.late,
        "most_waiting": found.most_waiting,
        "share_of_weight": {f"{weight:g}": share for weight, share in shares.items()},
        "tenant_off_p99": quantile(off, 0.99),
        "take_us": take_us,
        "add_us": add_us,
        "us_per_request": found.seconds / REQUESTS * 1e6,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(figures))
    print(f"{REQUESTS} requests, {TENANTS} tenants, {SLOTS} slots, {sum(LOAD):g} x their capacity")
    print(f"  {'class':<12}{'granted':>10}{'sent away':>10}{'wait p50':>12}{'p99':>12}")
    for rank, name in enumerate(NAMES):
        p50, p99 = figures["p50_ms"][rank], figures["p99_ms"][rank]
        row = f"{len(found.waits[rank]):>10}{found.shed[rank]:>10}{p50:>9.2f} ms{p99:>9.2f} ms"
        print(f"  {name:<12}{row}")
    told = ", ".join(f"weight {weight:g}: {share:.3f}" for weight, share in shares.items())
    print(f"  batch, share of what its weight says: {told}")
    print(f"  … of 99 % of its tenants each within {figures['tenant_off_p99']:.1%}")
    print(f"  at {DEEP} waiting: {take_us:.1f} us a decision, {add_us:.1f} us an arrival")
    print(f"  {figures['us_per_request']:.1f} us a request, all of the replay")
    print(f"  {found.most_waiting} waited at most, {found.late} were late")


if __name__ == "__main__":
    main()
