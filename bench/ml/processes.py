"""The peers of the crate: each in an environment of its own, one process for a number of threads.

Rules: all of one number of threads are started before anything is measured, and asked in turn, once
each in a round (A B A B …), so that a slow moment of the machine is in the figures of all. A peer
that cannot be had or cannot do a work is told of with the reason, and the others go on.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.brief import unless_brief
from bench.environments import PeerMissing, environment_of
from bench.process import ROOT, asked, environment
from edgemesh_local.environments import interpreter

SERVE = Path(__file__).parent / "peers" / "serve.py"
OURS = "edgemesh"
MOST_S = 300.0
"""Of one work, its model loaded."""
MOST_ROUNDS, LEAST_ROUNDS, ENOUGH_S = unless_brief((31, 3, 5.0), (1, 1, 0.0))
MOMENT_S = 0.05
"""Between two: threads that still spin for more work go to sleep."""


@dataclass(frozen=True)
class Peer:
    """A library that computes what the crate does."""

    name: str
    lock: str = ""
    """Of its environment; empty: the executor's."""
    built: str = ""
    """The package that is built from its source."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    once: str = ""
    """What takes long when it is first asked for."""

    def python(self) -> Path:
        """Its interpreter. Raises PeerMissing."""
        if not self.lock:
            return interpreter(ROOT / "executor_ml")
        found = environment_of(self.lock, built=self.built, variables=self.variables)
        return found / "bin" / "python"


def _llama_flags() -> str:
    """What the processor has, of what llama.cpp asks for; its own look would find AMX, with which
    it crashes. Threads of its own wait better than OpenMP's."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    has = set(text.partition("flags")[2].partition("\n")[0].split())
    wanted = {
        "AVX512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"},
        "AVX512_VNNI": {"avx512_vnni"},
        "AVX2": {"avx2"},
        "FMA": {"fma"},
        "F16C": {"f16c"},
        "BMI2": {"bmi2"},
    }
    flags = [f"-DGGML_{name}={'ON' if need <= has else 'OFF'}" for name, need in wanted.items()]
    return " ".join(["-DGGML_NATIVE=OFF", *flags, "-DGGML_OPENMP=OFF"])


TORCH = Peer("torch", "torch", once=" (fetches gigabytes, once)")
ONNXRUNTIME = Peer("onnxruntime", "onnxruntime")
LLAMA = Peer(
    "llama",
    "llama",
    built="llama-cpp-python",
    variables={"CMAKE_ARGS": _llama_flags()},
    once=" (compiles for minutes, once)",
)
WHISPER = Peer("whisper", "whisper")
EMBED_ANYTHING = Peer("embed_anything", "embed-anything")
MISTRALRS = Peer("mistralrs", "mistralrs")
PEERS = (Peer(OURS), TORCH, ONNXRUNTIME, LLAMA, WHISPER, EMBED_ANYTHING, MISTRALRS)


class Served:
    """One peer's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, work: Mapping[str, Any]) -> dict[str, float]:
        """Make a work ready and do it, or with none the last one again: milliseconds of its parts.

        Raises PeerMissing.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(MOST_S):
                self.process.stdin.write(json.dumps(work).encode() + b"\n")
                answer = json.loads(await self.process.stdout.readline())
        except TimeoutError as error:
            self.process.kill()
            raise PeerMissing(f"took more than {MOST_S:g} s") from error
        except (OSError, ValueError) as error:
            raise PeerMissing("its process ended") from error
        if "error" in answer:
            raise PeerMissing(str(answer["error"]).splitlines()[0][:120])
        return answer["parts"]


@asynccontextmanager
async def served(pythons: Mapping[str, Path], threads: int) -> AsyncGenerator[dict[str, Served]]:
    """A process of each, which computes on so many threads."""
    async with AsyncExitStack() as stack:
        found: dict[str, Served] = {}
        for name, python in pythons.items():
            process = await stack.enter_async_context(
                asked([str(python), str(SERVE), name], _variables(threads))
            )
            found[name] = Served(process)
        yield found


async def compare(
    work: Mapping[str, Any], peers: Sequence[str], found: Mapping[str, Served]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The median of each part of a work by each peer; and why some have none."""
    taken: dict[str, list[dict[str, float]]] = {}
    missing: dict[str, str] = {}
    for name in peers:
        try:
            await found[name].ask(work)  # loads and warms up
            await found[name].ask({})
            taken[name] = []
        except PeerMissing as error:
            missing[name] = error.reason
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and loop.time() - began > ENOUGH_S:
            break
        for name in list(taken):
            await asyncio.sleep(MOMENT_S)
            try:
                taken[name].append(await found[name].ask({}))
            except PeerMissing as error:
                missing[name] = error.reason
                del taken[name]
    medians = {
        name: {part: statistics.median(one[part] for one in all_) for part in all_[0]}
        for name, all_ in taken.items()
    }
    return medians, missing


def _variables(threads: int) -> dict[str, str]:
    names = ("RAYON", "CANDLE", "OMP", "MKL", "OPENBLAS")
    return environment(
        **{f"{each}_NUM_THREADS": str(threads) for each in names},
        HF_HUB_OFFLINE="1",
        PYTHONDONTWRITEBYTECODE="1",
    )
