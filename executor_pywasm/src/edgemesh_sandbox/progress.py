"""Tells a person at a terminal what a long step is doing: a line now and then, with the time."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Generator

_EVERY_S = 5.0


@contextlib.contextmanager
def step(what: str) -> Generator[None]:
    """Print `what` when it starts, every few seconds while it runs, and when it is done."""
    began = time.monotonic()
    done = threading.Event()

    def say(mark: str) -> None:
        elapsed = time.monotonic() - began
        print(f"python sandbox: {what} {mark}{elapsed:.0f} s", file=sys.stderr, flush=True)

    def watch() -> None:
        while not done.wait(_EVERY_S):
            say("… ")

    print(f"python sandbox: {what}", file=sys.stderr, flush=True)
    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        done.set()
        watcher.join()
        say("failed after ")
        raise
    done.set()
    watcher.join()
    say("done in ")
