"""Short texts of callers at the same time: what one costs, alone and together.

Run by the Candle executor's own interpreter, since it calls the crate without a mesh:

    executor_ml/.venv/bin/python bench/together.py FOLDER_OF_AN_EMBEDDER [SECONDS]

Processor time is told beside the clock's, since that alone says something on a busy machine.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from edgemesh_candle import Embedder

TEXTS = ("where is the station", "a short question about nothing much", "yes", "one two three four")


def measure(embedder: Embedder, callers: int, seconds: float) -> tuple[int, float, float]:
    """Calls that `callers` made in some seconds, the seconds, and those of processors."""
    made = [0] * callers
    begin, end = threading.Barrier(callers + 1), threading.Event()

    def call(number: int) -> None:
        begin.wait()
        while not end.is_set():
            job = embedder.start([TEXTS[(number + made[number]) % len(TEXTS)]])
            out = bytearray(job.nbytes)
            while job.step(out):
                pass
            made[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    begin.wait()
    clock, processors = time.perf_counter(), time.process_time()
    end.wait(seconds)
    end.set()
    for thread in threads:
        thread.join()
    return sum(made), time.perf_counter() - clock, time.process_time() - processors


def main() -> None:
    """Print a line for each number of callers."""
    embedder = Embedder(Path(sys.argv[1]))
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    measure(embedder, 1, 0.5)
    for callers in (1, 2, 8, 16, 32):
        calls, clock, processors = measure(embedder, callers, seconds)
        print(
            f"{callers:3} callers: {calls / clock:7.0f} calls/s,"
            f" {processors / calls * 1e3:6.2f} ms of processor time each"
        )


if __name__ == "__main__":
    main()
