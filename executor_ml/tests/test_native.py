"""The native module as a module: its stubs, what it imports, the interpreter lock, old CPUs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

import pytest

import edgemesh_candle
from edgemesh_candle import Embedder, _cpu  # pyright: ignore[reportPrivateUsage]

PACKAGE = Path(str(files(edgemesh_candle)))


def test_the_stubs_are_the_binarys() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "edgemesh_candle"],
        env=os.environ | {"MYPY_CACHE_DIR": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_worker_imports_no_array_library() -> None:
    code = (
        "import sys, edgemesh_executor_ml.runner;"
        "print([m for m in ('numpy', 'torch', 'grpc', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_thread_budget_is_the_environments() -> None:
    code = "import edgemesh_candle as c; print(c.threads())"
    environment = os.environ | {"RAYON_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"


def test_python_runs_while_vectors_are_computed(embedder: Embedder) -> None:
    job = embedder.start(["word " * 250] * 8)
    out = bytearray(job.nbytes)

    def work() -> None:
        while job.step(out):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
    assert turns > 1000


def test_several_threads_share_a_model(embedder: Embedder) -> None:
    alone: list[bytes] = []
    together: list[bytes] = []

    def work(into: list[bytes]) -> None:
        job = embedder.start(["the same text"] * 20)
        out = bytearray(job.nbytes)
        while job.step(out):
            pass
        into.append(bytes(out))

    work(alone)
    threads = [threading.Thread(target=work, args=(together,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone * 4


def test_an_old_cpu_is_told_what_is_needed(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags : fpu sse sse2 avx\n")
    if edgemesh_candle.BUILD == "x86-64-v3":
        with pytest.raises(ImportError, match=r"lacks avx2.*target-cpu=x86-64"):
            _cpu.check(cpuinfo, PACKAGE)
    (tmp_path / "_native.abi3.so").write_bytes(b"... edgemesh_candle built for any cpu ...")
    _cpu.check(cpuinfo, tmp_path)
