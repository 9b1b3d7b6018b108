"""Sessions of the library alone, in the executor's environment: `python asleep.py PROGRAM`.

Prints one line of JSON: medians in milliseconds, sizes in bytes. Knows nothing of the bench.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from edgemesh_sandbox import Call, Sandbox, Session

ROUNDS = 60
SLOW = "import time\nuntil = time.monotonic() + 2\nwhile time.monotonic() < until: pass\n"
FUNCTION = "def double(n): return 2 * n"


def main() -> None:
    """Measure, and say."""
    with Sandbox(spare=False) as sandbox:
        session = sandbox.session(undo=0)
        assert session.run(sys.argv[1]).ok
        asleep = session.sleep()
        found: dict[str, list[float]] = {name: [] for name in ("sleep", "wake", "fork", "call")}
        for _ in range(ROUNDS):
            woken: Session = _timed(found["wake"], lambda: sandbox.wake(asleep, undo=0))
            assert woken.run("x += 1; x").result == 2
            _timed(found["call"], lambda woken=woken: woken.run("x += 1; x"))
            _timed(found["fork"], woken.fork).close()
            _timed(found["sleep"], woken.sleep)
        told: dict[str, Any] = {name: statistics.median(each) for name, each in found.items()}
        told["bytes"] = len(asleep)
        told["packed"] = len(sandbox.wake(asleep).sleep(compress=True))
        ready = sandbox.snapshot(SLOW + FUNCTION)
        calls: list[float] = []
        for _ in range(ROUNDS):
            sandbox.prepare()
            run = lambda: sandbox.run("", on=ready, call=Call("double", [21]))  # noqa: E731
            assert _timed(calls, run).result == 42
        told["on"] = statistics.median(calls)
    print(json.dumps(told))


def _timed(into: list[float], work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    into.append((time.perf_counter() - began) * 1e3)
    return done


if __name__ == "__main__":
    main()
