"""The library alone, in the executor's environment: `python alone.py memory | lasting SECONDS`.

Prints one line of JSON. Knows nothing of the bench.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from edgemesh_sandbox import Outcome, Sandbox

LEAVE = "import os\nos._exit(1)"
MOST_DRIFT = 5


def memory() -> dict[str, Any]:
    """What one ready instance holds of its own, in kB: by its mappings, and by the process."""
    sandbox = Sandbox(spare=False)
    for _ in range(3):  # what a process makes once is made
        sandbox.run("print(2+2)")
        sandbox.prepare()
        sandbox.run(LEAVE)
    found: list[dict[str, int]] = []
    for _ in range(MOST_DRIFT):
        before = (_dirty_image(), _anonymous())
        sandbox.prepare()
        found.append({"image": _dirty_image() - before[0], "process": _anonymous() - before[1]})
        sandbox.run(LEAVE)
    return {name: sorted(each[name] for each in found)[MOST_DRIFT // 2] for name in found[0]}


def lasting(seconds: float) -> dict[str, Any]:
    """Programs one after the other, from the moment that a line comes on stdin."""
    sandbox = Sandbox(spare=False)
    for _ in range(20):
        _right(sandbox)
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    runs = 0
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            _right(sandbox)
        runs += 10
    taken = time.perf_counter() - began
    return {"runs": runs, "seconds": taken, "cpu_s": time.process_time() - cpu}


def _right(sandbox: Sandbox) -> None:
    result = sandbox.run("print(2+2)")
    if result.outcome is not Outcome.OK or result.stdout != "4\n":
        raise SystemExit(f"a wrong result: {result}")
    sandbox.prepare()


def _dirty_image() -> int:
    """kB of private dirty pages in mappings of the image's file."""
    total = 0
    ours = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = "/base-" in line
        elif ours and line.startswith("Private_Dirty:"):
            total += int(line.split()[1])
    return total


def _anonymous() -> int:
    """kB that the process holds beside files."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"^RssAnon:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    does = {"memory": lambda: memory(), "lasting": lambda: lasting(float(sys.argv[2]))}
    print(json.dumps(does[sys.argv[1]]()), flush=True)
