"""edgemesh_cpp_host: memory, threads, callbacks and errors. What a plugin may do wrong is tested in
C++, beside the SDK."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PLUGINS, TESTING, Tensor, allocate, compute, random

import edgemesh_cpp_host as host

BOUND_S = 30.0


class Raw:
    """An input made of anything."""

    def __init__(self, data: Any, dtype: int = 0, shape: tuple[int, ...] = ()) -> None:
        self.data, self.dtype, self.shape = data, dtype or host.DTYPES["float64"], shape


def test_descriptions_are_whole(load: Callable[[str], host.Plugin]) -> None:
    for name in ("fft", "linalg", "testing"):
        described = json.loads(load(name).describe())
        assert described["name"] == name
        for algorithm in described["algorithms"]:
            assert algorithm["name"].startswith("cpp.")
            assert algorithm["parameters_schema"]["additionalProperties"] is False


class TestLoading:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(host.PluginLoadError) as refused:
            host.Plugin(tmp_path / "nothing.so")
        assert refused.value.reason == "missing_file"
        assert refused.value.path == str(tmp_path / "nothing.so")

    def test_a_file_that_is_no_library(self, tmp_path: Path) -> None:
        (tmp_path / "text.so").write_text("#!/bin/sh")
        with pytest.raises(host.PluginLoadError, match="not a shared object") as refused:
            host.Plugin(str(tmp_path / "text.so"))
        assert refused.value.reason == "not_elf"

    def test_a_torn_library(self, tmp_path: Path) -> None:
        torn = tmp_path / "torn.so"
        torn.write_bytes((PLUGINS / "fft.so").read_bytes()[:5000])
        with pytest.raises(host.PluginLoadError) as refused:
            host.Plugin(torn)
        assert refused.value.reason == "torn"

    def test_a_library_that_is_no_plugin(self) -> None:
        with pytest.raises(host.PluginLoadError, match="edgemesh_plugin_abi_version") as refused:
            host.Plugin(host.__file__)
        assert refused.value.reason == "missing_symbol"

    def test_a_closed_plugin(self) -> None:
        with host.Plugin(PLUGINS / "fft.so") as plugin:
            pass
        plugin.close()
        with pytest.raises(ValueError, match="closed"):
            plugin.describe()
        with pytest.raises(ValueError, match="closed"):
            compute(plugin, "cpp.fft", {}, x=np.ones(2))


class TestMemory:
    def test_an_output_is_what_allocate_gave(self, fft: host.Plugin) -> None:
        given: list[memoryview] = []

        def remember(nbytes: int) -> memoryview:
            given.append(memoryview(bytearray(nbytes)))
            return given[-1]

        run = fft.run("cpp.fft", "", {"x": Tensor(np.ones(8))}, remember)
        assert run.outputs["y"].data.obj is given[0].obj
        assert run.outputs["y"].data.nbytes == 8 * 16
        assert run.outputs["y"].shape == (8,)
        assert given[0].nbytes > 8 * 16  # behind it lies what shows who writes too far

    def test_inputs_are_read_where_they_lie_or_copied(self, fft: host.Plugin) -> None:
        x = random((64,), "float64")
        for offset in range(9):  # most of them not aligned
            data = memoryview(bytes(offset) + x.tobytes())[offset:]
            run = fft.run("cpp.fft", "", {"x": Raw(data, shape=(64,))}, allocate)
            y = np.frombuffer(run.outputs["y"].data, "complex128")
            np.testing.assert_allclose(y, np.fft.fft(x), atol=1e-12)

    def test_memory_is_let_go(self, fft: host.Plugin) -> None:
        class Memory(bytearray):
            pass

        kept: list[weakref.ref[Memory]] = []

        def give(nbytes: int) -> Memory:
            memory = Memory(nbytes)
            kept.append(weakref.ref(memory))
            return memory

        data = Memory(np.ones(8).tobytes())
        kept.append(weakref.ref(data))
        run = fft.run("cpp.fft", "", {"x": Raw(data, shape=(8,))}, give)
        data.append(0)  # may be resized: nothing looks at it any more
        del data, run
        gc.collect()
        assert [memory() for memory in kept] == [None, None]

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (lambda n: bytes(n), BufferError),
            (lambda n: bytearray(n - 1), ValueError),
            (lambda n: memoryview(bytearray(n + 1))[1:], ValueError),
            (lambda n: memoryview(bytearray(2 * n))[::2], BufferError),
            (lambda n: None, TypeError),
            (lambda n: {}[n], KeyError),
        ],
    )
    def test_memory_that_does_not_do(
        self, fft: host.Plugin, make: Callable[[int], bytearray], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            fft.run("cpp.fft", "", {"x": Tensor(np.ones(8))}, make)
        # And nothing is left behind that would spoil the next call.
        assert compute(fft, "cpp.fft", {}, x=np.ones(2))[0] == 2

    @pytest.mark.parametrize("shape", [(4,), (2, 2), (-3,), (3, 2**62), (), (2**64,), (1,) * 33])
    def test_bytes_that_do_not_fit_the_shape(
        self, fft: host.Plugin, shape: tuple[int, ...]
    ) -> None:
        with pytest.raises((ValueError, RuntimeError)):
            fft.run("cpp.fft", "", {"x": Raw(bytes(24), shape=shape)}, allocate)

    def test_a_type_that_there_is_not(self, fft: host.Plugin) -> None:
        with pytest.raises(ValueError, match="unknown"):
            fft.run("cpp.fft", "", {"x": Raw(bytes(24), 99, (3,))}, allocate)


class TestCalls:
    def test_errors_carry_their_fields(self, testing: host.Plugin) -> None:
        with pytest.raises(host.PluginFailure) as failed:
            testing.run("cpp.test_fail", '{"message": "no — really"}', {}, allocate)
        assert (failed.value.type, failed.value.message) == ("TestFailure", "no — really")
        with pytest.raises(host.PluginFailure) as failed:
            testing.run("cpp.test_fail", '{"kind": "exception"}', {}, allocate)
        assert (failed.value.type, failed.value.message) == ("std::out_of_range", "as asked")
        with pytest.raises(host.PluginFailure) as failed:
            testing.run("cpp.test_fail", '{"kind": "foreign"}', {}, allocate)
        assert failed.value.type == "Unknown"
        with pytest.raises(host.PluginInvalidInput) as refused:
            testing.run("cpp.test_fail", '{"kind": "invalid_input"}', {}, allocate)
        assert refused.value.fields == {"parameters.kind": "as asked"}

    def test_an_algorithm_or_version_that_there_is_not(self, fft: host.Plugin) -> None:
        for name, version in (("cpp.nothing", ""), ("cpp.fft", "77")):
            with pytest.raises(host.PluginFailure) as failed:
                fft.run(name, "", {}, allocate, version=version)
            assert failed.value.type == "UnknownAlgorithm"

    def test_progress_and_prints_arrive_in_order(self, testing: host.Plugin) -> None:
        told: list[object] = []
        run = testing.run(
            "cpp.test_progress",
            '{"steps": 4}',
            {},
            allocate,
            progress=lambda fraction, message: told.append((fraction, message)),
            print=lambda stream, text: told.append((stream, text)),
        )
        assert run.result == '{"steps":4}'
        assert told == [
            item
            for step in (1, 2, 3, 4)
            for item in (("stdout", f"step {step}\n"), (step / 4, f"step {step}"))
        ]

    def test_an_error_of_a_callback_ends_the_call(self, testing: host.Plugin) -> None:
        told: list[str] = []

        def refuse(stream: str, text: str) -> None:
            told.append(text)
            raise LookupError("enough")

        with pytest.raises(LookupError, match="enough"):
            testing.run("cpp.test_progress", '{"steps": 1000}', {}, allocate, print=refuse)
        assert told == ["step 1\n"]

    def test_a_flag_cancels(self, testing: host.Plugin) -> None:
        flag = host.CancelFlag()
        with ThreadPoolExecutor(1) as pool:
            sleeping = pool.submit(
                testing.run, "cpp.test_sleep", '{"seconds": 600}', {}, allocate, cancelled=flag
            )
            assert not flag.is_set()
            flag.set()  # at any time: before, as, or after it begins
            with pytest.raises(host.PluginCancelled):
                sleeping.result(BOUND_S)

    def test_a_callable_cancels(self, testing: host.Plugin) -> None:
        asked: list[bool] = []

        def third_time() -> bool:
            asked.append(True)
            return len(asked) >= 3

        with pytest.raises(host.PluginCancelled):
            testing.run("cpp.test_sleep", '{"seconds": 600}', {}, allocate, cancelled=third_time)
        assert len(asked) == 3

    def test_a_callable_may_fail(self, testing: host.Plugin) -> None:
        with pytest.raises(ZeroDivisionError):
            testing.run(
                "cpp.test_sleep", '{"seconds": 600}', {}, allocate, cancelled=lambda: 1 / 0 > 0
            )

    def test_other_threads_run_meanwhile(self, testing: host.Plugin) -> None:
        flag, began = host.CancelFlag(), threading.Event()

        def ask() -> bool:
            began.set()
            return flag.is_set()

        with ThreadPoolExecutor(4) as pool:
            calls = [
                pool.submit(
                    testing.run, "cpp.test_sleep", '{"seconds": 600}', {}, allocate, cancelled=ask
                )
                for _ in range(4)
            ]
            assert began.wait(BOUND_S)  # the main thread runs although all four sleep
            with pytest.raises(RuntimeError, match="running"):
                testing.close()
            flag.set()
            for call in calls:
                assert isinstance(call.exception(BOUND_S), host.PluginCancelled)

    def test_threads_do_not_mix_their_numbers(self, fft: host.Plugin) -> None:
        def one(seed: int) -> bool:
            x = random((50 + seed % 7, 3), "complex128", seed)
            return np.allclose(compute(fft, "cpp.fft", {}, x=x), np.fft.fftn(x))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(one, range(200)))


def test_no_plugin_needs_python() -> None:
    """A plugin's build may know Python; what it gives may not."""
    for path in [*PLUGINS.glob("*.so"), *TESTING.glob("*.so")]:
        assert b"libpython" not in path.read_bytes(), path
