"""The modules of `examples/wasm/`, from Rust, C, AssemblyScript and Go, do what they say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgemesh_sandbox import Limits, Outcome, Result
from edgemesh_sandbox.modules import ModuleCall, ModuleRunner

EXAMPLES = Path(__file__).parents[2] / "examples" / "wasm"
_LIMITS = Limits(run_time_ms=300_000)
"""Go's three megabytes take seconds to compile, and long on a busy machine."""


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleRunner]:
    with ModuleRunner() as runner:
        yield runner


def _run(runner: ModuleRunner, name: str, function: str = "_start", *args: Any, **o: Any) -> Result:
    return runner.run(
        (EXAMPLES / name).read_bytes(), ModuleCall(function, args, **o), limits=_LIMITS
    )


def test_rust(runner: ModuleRunner) -> None:
    found = _run(runner, "rust/words.wasm", argv=["2"], stdin="a B b c A ä ä".encode())
    assert (found.outcome, found.stdout) == (Outcome.OK, "a 2\nb 2\nä 2\n")
    wrong = _run(runner, "rust/words.wasm", argv=["x"])
    assert wrong.failure is not None
    assert (wrong.outcome, wrong.failure.exit_code) == (Outcome.EXIT, 64)


def test_c(runner: ModuleRunner) -> None:
    signal = sum((n % 17 - 8) ** 2 for n in range(1024))
    found = _run(runner, "c/fft.wasm", "energy", 1024, 1)
    assert found.result == pytest.approx(1024 * signal)
    assert _run(runner, "c/fft.wasm", "energy", 1000, 1).result == -1
    assert _run(runner, "c/fft.wasm", "gcd", 3 * 2**40, -(2**62)).result == 2**40


def test_assemblyscript(runner: ModuleRunner) -> None:
    asked = {"host_functions": ("env.abort",)}
    assert _run(runner, "assemblyscript/sieve.wasm", "primes", 100_000, **asked).result == 9592
    assert _run(runner, "assemblyscript/sieve.wasm", "at", 2, **asked).result == 5
    wrong = _run(runner, "assemblyscript/sieve.wasm", "at", 3, **asked)
    assert wrong.failure is not None
    assert (wrong.outcome, wrong.failure.type) == (Outcome.EXCEPTION, "Abort")
    assert "Index out of range" in wrong.failure.message


@pytest.mark.timeout(600)
@pytest.mark.skipif(not (shutil.which("go") or os.environ.get("CI")), reason="Go is not here")
def test_go(runner: ModuleRunner, tmp_path: Path) -> None:
    subprocess.run([EXAMPLES / "go" / "build.sh", tmp_path], check=True)
    data = (tmp_path / "greet.wasm").read_bytes()
    stdin = json.dumps({"Names": ["Ada", "Alan"]}).encode()
    call = ModuleCall(stdin=stdin, env={"GREETING": "hello"})
    found = runner.run(data, call, limits=_LIMITS)
    assert (found.outcome, found.stdout) == (Outcome.OK, "hello Ada\nhello Alan\n")
    assert bytes(found.outputs["count.txt"].data) == b"2"
    wrong = runner.run(data, ModuleCall(stdin=b"{"), limits=_LIMITS)
    assert wrong.failure is not None
    assert (wrong.outcome, wrong.failure.exit_code) == (Outcome.EXIT, 2)


def test_what_is_checked_in_is_small() -> None:
    assert all(path.stat().st_size < 100_000 for path in EXAMPLES.rglob("*.wasm"))
