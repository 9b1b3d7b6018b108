"""5: code that loops for ever is stopped at its deadline, and the next caller is served at once."""

from __future__ import annotations

from client import Client, Wrong
from row import Row

DEADLINE_S = 1.0
AT_ONCE_S = 2.0
"""Far above what a warm worker needs, far below what waiting for a new one would take."""


def run(client: Client) -> list[Row]:
    """Loop for ever with a second to live; then compute something small."""
    hostile = client.compute("python.run", {"code": "while True: pass"}, run_time_s=DEADLINE_S)
    hostile.demand("TIMEOUT")
    if not 0.9 * DEADLINE_S < hostile.seconds < 2 * DEADLINE_S:
        raise Wrong(f"stopped after {hostile.seconds:.2f} s instead of {DEADLINE_S} s")
    after = client.compute("python.run", {"code": "print(2 + 2)"})
    after.demand("OK")
    if after.response.stdout != "4\n":
        raise Wrong(f"the next caller got {after.response.stdout!r}")
    if after.seconds > AT_ONCE_S:
        raise Wrong(f"the next caller waited {after.seconds:.2f} s")
    return [
        Row("python.run", "while True: stopped at its one-second deadline", hostile),
        Row("python.run", "the next caller: 2 + 2 = 4", after),
    ]
