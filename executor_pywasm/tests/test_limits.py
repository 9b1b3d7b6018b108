"""Every limit has its outcome, says its value, keeps what was printed, and spares the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemesh_sandbox import (
    Failure,
    InputError,
    Limits,
    Outcome,
    Result,
    Sandbox,
    Tensor,
)
from edgemesh_sandbox.built import Built
from edgemesh_sandbox.limits import MIB

SLACK_S = 20.0  # so long that only a defect takes it; a quiet machine needs milliseconds


def failure(result: Result, outcome: Outcome) -> Failure:
    assert result.outcome is outcome, result
    assert result.failure is not None
    return result.failure


@pytest.mark.parametrize(
    "wait",
    [
        "while True: pass",
        "import time; time.sleep(1e6)",
        "import select; select.select([], [], [], 1e6)",
        "import asyncio; asyncio.run(asyncio.sleep(1e6))",
        "10 ** 10 ** 8",
    ],
)
def test_the_run_time_ends_what_computes_and_what_sleeps(sandbox: Sandbox, wait: str) -> None:
    began = time.monotonic()
    result = sandbox.run(f"print('kept', end='')\n{wait}", limits=Limits(run_time_ms=300))
    found = failure(result, Outcome.TIMEOUT)
    assert (found.type, found.limit, result.stdout) == ("TimeLimit", ("run_time_ms", 300), "kept")
    assert 0.3 <= time.monotonic() - began < 0.3 + SLACK_S
    assert sandbox.run("output = 1").result == 1


def test_an_earlier_deadline_counts(sandbox: Sandbox) -> None:
    began = time.monotonic()
    result = sandbox.run("while True: pass", deadline=began + 0.2)
    assert result.outcome is Outcome.TIMEOUT
    assert time.monotonic() - began < 0.2 + SLACK_S


def test_a_sleep_ends_in_time_and_goes_on(sandbox: Sandbox) -> None:
    code = "import time\nt = time.monotonic()\ntime.sleep(0.15)\noutput = time.monotonic() - t"
    assert 0.15 <= sandbox.run(code).result < 0.15 + SLACK_S


@pytest.mark.parametrize("wait", ["while True: pass", "import time; time.sleep(100)"])
def test_the_caller_may_leave(sandbox: Sandbox, wait: str) -> None:
    leave = threading.Event()

    def on_output(stream: str, text: str) -> None:
        leave.set()

    began = time.monotonic()
    result = sandbox.run(f"print('here')\n{wait}", cancelled=leave, on_output=on_output)
    assert failure(result, Outcome.CANCELLED).type == "Cancelled"
    assert result.stdout == "here\n"
    assert time.monotonic() - began < SLACK_S
    assert sandbox.run("output = 1").result == 1


def test_who_has_left_before_gets_nothing(sandbox: Sandbox) -> None:
    leave = threading.Event()
    leave.set()
    assert sandbox.run("while True: pass", cancelled=leave).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    "grab",
    [
        "x = [0] * 10**9",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "x = 'ab'\nwhile True: x += x",
        "import numpy as np\nx = np.ones(10**8)",
        "x = {}\nwhile True: x[len(x)] = [len(x)]",
    ],
)
def test_memory_is_bounded(sandbox: Sandbox, grab: str) -> None:
    limits = Limits(memory_bytes=48 * MIB, run_time_ms=60_000)
    result = sandbox.run(f"print('kept')\n{grab}", limits=limits)
    found = failure(result, Outcome.MEMORY_LIMIT)
    assert (found.type, found.limit) == ("MemoryLimit", ("memory_bytes", 48 * MIB))
    assert result.stdout == "kept\n"
    assert result.peak_memory_bytes <= 50 * MIB
    assert sandbox.run("output = 1").result == 1


def test_a_program_may_catch_its_memory_error(sandbox: Sandbox) -> None:
    code = "try:\n    x = bytearray(10**9)\nexcept MemoryError:\n    output = 'caught'"
    assert sandbox.run(code).result == "caught"


def test_inputs_do_not_count_as_the_programs_memory(sandbox: Sandbox) -> None:
    x = Tensor("uint8", (64 * MIB,), bytes(64 * MIB))
    result = sandbox.run("output = inputs['x'].size", {"x": x}, limits=Limits(memory_bytes=4 * MIB))
    assert result.result == 64 * MIB


def test_an_input_beyond_the_guests_memory_is_the_memory_limit(sandbox: Sandbox) -> None:
    x = Tensor("uint8", (MIB,), bytes(MIB))
    inputs = {f"x{n}": x for n in range(8)}
    assert sandbox.run("output = 1", inputs, limits=Limits(memory_bytes=0)).outcome in (
        Outcome.OK,
        Outcome.MEMORY_LIMIT,
    )


@pytest.mark.parametrize(
    "flood",
    [
        "print('x' * 300_000_000)",
        "while True: print('x' * 1000)",
        "import sys\nwhile True: sys.stderr.write('x' * 99)",
        "import os\nwhile True: os.write(1, b'x' * 5000)",
        "while True: print('x')",
    ],
)
def test_output_is_bounded_and_what_fits_is_kept(sandbox: Sandbox, flood: str) -> None:
    limits = Limits(output_bytes=20_000, run_time_ms=60_000, memory_bytes=1024 * MIB)
    result = sandbox.run(flood, limits=limits)
    found = failure(result, Outcome.OUTPUT_LIMIT)
    assert (found.type, found.limit) == ("OutputLimit", ("output_bytes", 20_000))
    assert len(result.stdout) + len(result.stderr) == 20_000
    assert sandbox.run("output = 1").result == 1


def test_the_result_counts_as_output(sandbox: Sandbox) -> None:
    code = "print('x' * 600)\noutput = 'y' * inputs['n']"
    limits = Limits(output_bytes=1000)
    assert sandbox.run(code, {"n": 300}, limits=limits).outcome is Outcome.OK
    result = sandbox.run(code, {"n": 500}, limits=limits)
    assert failure(result, Outcome.OUTPUT_LIMIT).limit == ("output_bytes", 1000)
    assert (result.result, len(result.stdout)) == (None, 601)


def test_tensors_do_not_count_as_output(sandbox: Sandbox) -> None:
    code = "import numpy as np\noutput = np.zeros(10**6, 'uint8')"
    assert sandbox.run(code, limits=Limits(output_bytes=10)).outcome is Outcome.OK


@pytest.mark.parametrize(
    "limits",
    [{"run_time_ms": 0}, {"run_time_ms": 300_001}, {"memory_bytes": -1}, {"output_bytes": -1}],
)
def test_limits_out_of_range_are_the_embedders_mistake(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limits(**limits)


def test_cpu_time_is_bounded_and_sleeping_costs_none(sandbox: Sandbox) -> None:
    limits = Limits(run_time_ms=30_000, cpu_ms=300)
    slept = sandbox.run("import time\ntime.sleep(1)\nprint('awake')", limits=limits)
    assert slept.ok, slept.failure
    busy = sandbox.run("print('kept')\nwhile True: pass", limits=limits)
    found = failure(busy, Outcome.CPU_LIMIT)
    assert (found.type, found.limit) == ("CpuLimit", ("cpu_ms", 300))
    assert busy.stdout == "kept\n"
    assert busy.run_s < 10


def test_fuel_is_refused_where_nothing_counts_it(sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="metered"):
        sandbox.run("", limits=Limits(fuel=10**9))


@pytest.fixture(scope="module")
def metered(built_metered: Built, images: Path) -> Iterator[Sandbox]:
    with Sandbox(images, spare=False, metered=True) as sandbox:
        yield sandbox


@pytest.mark.timeout(900)
def test_fuel_ends_a_program_at_the_same_place_every_time(metered: Sandbox) -> None:
    code = "for i in range(10**9):\n    if not i % 1000: print(i)"
    limits = Limits(fuel=400_000_000)
    first = metered.run(code, deterministic=True, limits=limits)
    found = failure(first, Outcome.CPU_LIMIT)
    assert (found.type, found.limit) == ("FuelLimit", ("fuel", 400_000_000))
    assert int(first.stdout.split()[-1]) > 10_000
    again = metered.run(code, deterministic=True, limits=limits)
    assert (again.stdout, again.fuel) == (first.stdout, first.fuel)


@pytest.mark.timeout(900)
def test_fuel_is_counted_and_the_same_every_time(metered: Sandbox) -> None:
    used = {
        metered.run(
            "output = sum(range(10**5))", limits=Limits(fuel=10**10), deterministic=True
        ).fuel
        for _ in range(3)
    }
    assert len(used) == 1
    assert 10**5 < used.pop() < 10**9
    assert metered.run("output = 1").fuel == 0
