"""Modules run: typed arguments and results, WASI's machine, host functions, limits."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from modules_text import ADD, WASI, module

from edgemesh_sandbox import InputError, Limits, Outcome, Result
from edgemesh_sandbox.modules import Features, ModuleCall, ModuleRunner

MIB = 1 << 20


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleRunner]:
    with ModuleRunner() as runner:
        yield runner


def call(runner: ModuleRunner, text: str, name: str, *args: Any, **options: Any) -> Result:
    limits = options.pop("limits", Limits(run_time_ms=10_000))
    return runner.run(module(text), ModuleCall(name, args, **options), limits=limits)


def identity(kind: str) -> str:
    return f'(func (export "f") (param {kind}) (result {kind}) local.get 0)'


@pytest.mark.parametrize(
    ("kind", "given", "back"),
    [
        ("i32", -1, -1),
        ("i32", 2**31 - 1, 2**31 - 1),
        ("i32", 2**31, -(2**31)),
        ("i32", 2**32 - 1, -1),
        ("i32", -(2**31), -(2**31)),
        ("i64", 2**63, -(2**63)),
        ("i64", 2**64 - 1, -1),
        ("i64", -(2**63), -(2**63)),
        ("f32", 0.1, 0.10000000149011612),
        ("f32", math.inf, math.inf),
        ("f64", 0.1, 0.1),
        ("f64", 3, 3.0),
        ("f64", -math.inf, -math.inf),
        ("v128", bytes(range(16)), bytes(range(16))),
    ],
)
def test_values_cross_and_come_back(runner: ModuleRunner, kind: str, given: Any, back: Any) -> None:
    assert call(runner, identity(kind), "f", given).result == back


def test_nan_stays_nan(runner: ModuleRunner) -> None:
    assert math.isnan(call(runner, identity("f32"), "f", math.nan).result)


def test_several_results_are_a_list_and_none_is_none(runner: ModuleRunner) -> None:
    text = '(func (export "f") (result i32 f64 i64) i32.const 1 f64.const 2.5 i64.const -3)'
    assert call(runner, text, "f").result == [1, 2.5, -3]
    assert call(runner, '(func (export "f"))', "f").result is None


def test_each_call_has_an_instance_of_its_own(runner: ModuleRunner) -> None:
    text = """
        (memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
        (func (export "f") (result i32)
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.add (i32.load (i32.const 8)) (global.get $g)))"""
    assert [call(runner, text, "f").result for _ in range(3)] == [2, 2, 2]


def test_a_library_is_initialised_first(runner: ModuleRunner) -> None:
    text = """(global $g (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $g (i32.const 7)))
        (func (export "f") (result i32) (global.get $g))"""
    assert call(runner, text, "f").result == 7


def test_stdin_is_read_in_parts_and_then_at_its_end(runner: ModuleRunner) -> None:
    text = f"""
        (import "{WASI}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\03\\00\\00\\00")
        (func $once (result i32)
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.add (i32.mul (i32.load (i32.const 8)) (i32.const 256))
                (i32.load8_u (i32.const 16))))
        (func (export "f") (result i32 i32 i32) (call $once) (call $once) (call $once))"""
    found = call(runner, text, "f", stdin=b"abcde").result
    assert found == [3 << 8 | ord("a"), 2 << 8 | ord("d"), ord("d")]


def test_a_program_sees_its_arguments_and_environment_and_ends_with_a_status(
    runner: ModuleRunner,
) -> None:
    text = f"""
        (import "{WASI}" "args_sizes_get" (func $args (param i32 i32) (result i32)))
        (import "{WASI}" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
        (import "{WASI}" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $args (i32.const 0) (i32.const 4)))
            (drop (call $env (i32.const 8) (i32.const 12)))
            (call $exit (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 16))
                (i32.load (i32.const 8)))))"""
    found = call(runner, text, "_start", argv=["a", "b"], env={"X": "1"})
    assert found.outcome is Outcome.EXIT
    assert found.failure is not None
    assert found.failure.exit_code == 3 * 16 + 1


def test_host_functions_are_there_when_they_are_asked_for(runner: ModuleRunner) -> None:
    text = """
        (import "env" "log" (func $log (param i32 i32)))
        (import "env" "alloc" (func $alloc (param i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "hello")
        (func (export "f") (result i32 i32)
            (call $log (i32.const 0) (i32.const 5))
            (call $alloc (i32.const 20)) (call $alloc (i32.const 100000)))"""
    found = call(runner, text, "f", host_functions=("env.log", "env.alloc"))
    assert (found.stderr, found.result) == ("hello\n", [65536, 65536 + 32])
    assert found.peak_memory_bytes == 3 * 65536
    with pytest.raises(InputError, match=r"it imports env\.alloc; offered: .*env\.log"):
        call(runner, text, "f", host_functions=("env.log",))


def test_the_same_import_twice_is_one(runner: ModuleRunner) -> None:
    wanted = f'(import "{WASI}" "sched_yield" (func (result i32)))'
    assert call(runner, f"{wanted} {wanted} {ADD}", "add", 1, 2).result == 3


def test_a_run_is_cancelled(runner: ModuleRunner) -> None:
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    data = module('(func (export "f") (loop (br 0)))')
    found = runner.run(data, ModuleCall("f"), cancelled=cancelled)
    assert found.outcome is Outcome.CANCELLED


def test_fuel_ends_a_run_at_the_same_place() -> None:
    data = module(
        """(global $n (mut i32) (i32.const 0))
        (func (export "f") (loop (global.set $n (i32.add (global.get $n) (i32.const 1))) (br 0)))
        (func (export "g") (result i32) (i32.const 1))"""
    )
    with ModuleRunner(metered=True) as runner:
        found = [runner.run(data, ModuleCall("f"), limits=Limits(fuel=10_000)) for _ in range(2)]
        assert [each.outcome for each in found] == [Outcome.CPU_LIMIT] * 2
        assert found[0].fuel == found[1].fuel
        used = runner.run(data, ModuleCall("g"), limits=Limits(fuel=10_000))
        assert (used.outcome, used.result, used.fuel > 0) == (Outcome.OK, 1, True)
    with ModuleRunner() as runner, pytest.raises(InputError, match="metered"):
        runner.run(data, ModuleCall("g"), limits=Limits(fuel=10_000))


def test_cpu_time_is_bounded(runner: ModuleRunner) -> None:
    found = call(runner, '(func (export "f") (loop (br 0)))', "f", limits=Limits(cpu_ms=50))
    assert found.outcome is Outcome.CPU_LIMIT


PROPOSALS = {
    "memory64": '(memory (export "memory") i64 1) (func (export "f") (result i64) (memory.size))',
    "threads": '(memory 1 1 shared) (func (export "f") (result i64) (i64.const 1))',
    "exceptions": """(tag $e (param i64)) (func (export "f") (result i64)
        (block $caught (result i64)
            (try_table (catch $e $caught) (throw $e (i64.const 1))) unreachable))""",
    "gc": """(type $s (struct (field i64))) (func (export "f") (result i64)
        (struct.get $s 0 (struct.new $s (i64.const 1))))""",
}


@pytest.mark.parametrize("name", PROPOSALS)
def test_a_proposal_is_off_until_it_is_asked_for(runner: ModuleRunner, name: str) -> None:
    with pytest.raises(InputError, match="module"):
        call(runner, PROPOSALS[name], "f")
    with ModuleRunner(features=Features.of([name])) as with_it:
        assert call(with_it, PROPOSALS[name], "f").result == 1


def test_a_heap_of_structs_is_bounded_as_memory_is() -> None:
    text = """(type $l (struct (field (ref null $l)))) (func (export "f") (local $x (ref null $l))
        (loop (local.set $x (struct.new $l (local.get $x))) (br 0)))"""
    limits = Limits(run_time_ms=60_000, memory_bytes=16 * MIB)
    with ModuleRunner(features=Features.of(["gc"])) as runner:
        assert call(runner, text, "f", limits=limits).outcome is Outcome.MEMORY_LIMIT


def test_an_exception_that_nothing_catches_is_one() -> None:
    with ModuleRunner(features=Features.of(["exceptions"])) as runner:
        found = call(runner, '(tag $e) (func (export "f") (throw $e))', "f")
    assert found.outcome is Outcome.EXCEPTION
    assert found.failure is not None
    assert found.failure.type == "WasmException"


def test_what_a_tenant_compiled_is_its_own_and_the_oldest_goes_first() -> None:
    with ModuleRunner(cache_bytes=100_000) as runner:
        data = module(ADD)
        first = runner.run(data, ModuleCall("add", [1, 2]), tenant="a").stages["compile"]
        again = runner.run(data, ModuleCall("add", [1, 2]), tenant="a").stages["compile"]
        other = runner.run(data, ModuleCall("add", [1, 2]), tenant="b").stages["compile"]
        assert again < first
        assert again < other
        cache = runner._plain.cache  # pyright: ignore[reportPrivateUsage]
        assert cache.find("c", "") is None
        for n in range(60):
            runner.run(module(f"{ADD} (global i32 (i32.const {n}))"), ModuleCall("add", [1, 2]))
        held = cache._held  # pyright: ignore[reportPrivateUsage]
        assert 0 < sum(each.nbytes for each in held.values()) <= 100_000


def test_a_module_has_a_largest_size() -> None:
    with ModuleRunner(module_bytes=10) as runner, pytest.raises(InputError, match="at most 10"):
        runner.run(module(ADD), ModuleCall("add", [1, 2]))
