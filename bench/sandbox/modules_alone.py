"""Modules by themselves, in the executor's environment: `python modules_alone.py [NATIVE]`.

NATIVE: the C example as a shared library of this machine's. Prints one line of JSON. Knows nothing
of the bench.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgemesh_sandbox import ArtifactError, Limits, Outcome
from edgemesh_sandbox.languages import JavaScript, Ruby
from edgemesh_sandbox.modules import ModuleCall, ModuleRunner

EXAMPLES = Path(__file__).parents[2] / "executor_pywasm" / "examples" / "wasm"
_RUNS = 200
_POINTS, _TRANSFORMS = 16384, 100
_TRIES = 7
_LIMITS = Limits(run_time_ms=300_000)


def _median_ms(work: Callable[[], Any], runs: int) -> float:
    found: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def main() -> None:
    """Measure and print."""
    found: dict[str, float] = {}
    with ModuleRunner() as runner:
        fft = (EXAMPLES / "c" / "fft.wasm").read_bytes()
        words = (EXAMPLES / "rust" / "words.wasm").read_bytes()

        def run(data: bytes, call: ModuleCall) -> Any:
            result = runner.run(data, call, limits=_LIMITS)
            assert result.outcome is Outcome.OK, result.failure
            return result

        began = time.perf_counter()
        run(words, ModuleCall(stdin=b"a b a"))
        found["compile"] = (time.perf_counter() - began) * 1e3
        found["function"] = _median_ms(lambda: run(fft, ModuleCall("gcd", [12, 18])), _RUNS)
        found["program"] = _median_ms(lambda: run(words, ModuleCall(stdin=b"a b a")), _RUNS)
        call = ModuleCall("energy", [_POINTS, _TRANSFORMS])
        own = ctypes.CDLL(sys.argv[1]).energy if len(sys.argv) > 1 else None
        guest: list[float] = []
        native: list[float] = []
        for _ in range(_TRIES):  # in turn, so that both see the same machine
            guest.append(_median_ms(lambda: run(fft, call), 1))
            if own is not None:
                own.restype, own.argtypes = ctypes.c_double, (ctypes.c_uint32, ctypes.c_uint32)
                native.append(_median_ms(lambda: own(_POINTS, _TRANSFORMS), 1))
                assert run(fft, call).result == own(_POINTS, _TRANSFORMS)
        found["guest"] = min(guest)
        if native:
            found["native"] = min(native)
    for name, language in (("javascript", JavaScript), ("ruby", Ruby)):
        try:
            with language() as interpreter:
                found[name] = _median_ms(lambda own=interpreter: own.run("1 + 1"), _RUNS)
        except ArtifactError:
            pass
    print(json.dumps(found))


if __name__ == "__main__":
    main()
