"""What services say of themselves while they are measured."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

_EVERY_S = 0.002


def workers(address: str) -> dict[str, int]:
    """How many workers of an executor are idle, busy, spare, …, in all its crews.

    `address` is its metrics'.
    """
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    found = re.findall(r'^edgemesh_workers\{.*state="(\w+)"\} (\S+)$', text, re.MULTILINE)
    counts = Counter[str]()
    for state, value in found:
        counts[state] += int(float(value))
    return dict(counts)


def seconds_until(condition: Callable[[], bool], began: float, bound_s: float = 30.0) -> float:
    """Seconds from `began`, on time.perf_counter(), until something is so."""
    while not condition():
        if time.perf_counter() - began > bound_s:
            raise TimeoutError(f"not so within {bound_s:g} s")
        time.sleep(_EVERY_S)
    return time.perf_counter() - began


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = [pid]
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields and int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of processes so far."""
    ticks = sum(int(f[11]) + int(f[12]) for f in map(_stat, pids) if f)
    return ticks / os.sysconf("SC_CLK_TCK")


def busy_cores(seconds: float) -> float:
    """How many cores the whole machine keeps busy, looked at for that long."""
    before = _all_ticks()
    time.sleep(seconds)
    return (_all_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def _all_ticks() -> int:
    user, nice, system, _, _, irq, soft, *_ = (
        Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return sum(map(int, (user, nice, system, irq, soft)))


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
