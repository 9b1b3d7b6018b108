"""Code for a level of processors: told apart, and refused by name where the level is not had."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from edgemesh_sandbox import processor
from edgemesh_sandbox.engine import fingerprint, new_engine
from edgemesh_sandbox.errors import ArtifactError

V3 = "flags\t\t: fpu pni ssse3 sse4_1 sse4_2 popcnt avx avx2 fma bmi1 bmi2 abm\n"


def test_levels_are_told_apart() -> None:
    made = {level: fingerprint(new_engine(processor=level)) for level in processor.LEVELS}
    assert len(set(made.values())) == len(processor.LEVELS)


def test_code_for_a_level_runs_here() -> None:
    engine = new_engine(processor="x86-64-v2")
    text = '(module (func (export "f") (result i32) i32.const 7))'
    compiled = wasmtime.Module(engine, text).serialize()
    store = wasmtime.Store(engine)
    store.set_epoch_deadline(1)
    instance = wasmtime.Instance(store, wasmtime.Module.deserialize(engine, compiled), [])
    function = instance.exports(store)["f"]
    assert isinstance(function, wasmtime.Func)
    assert function(store) == 7


def test_folder_that_says_nothing_is_this_machines(tmp_path: Path) -> None:
    assert processor.check(tmp_path) == processor.NATIVE
    processor.declare(tmp_path, processor.NATIVE)
    assert not (tmp_path / processor.FILE).exists()


def test_processor_that_lacks_the_level_is_told_by_name(tmp_path: Path) -> None:
    processor.declare(tmp_path, "x86-64-v3")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(V3)
    assert processor.check(tmp_path, cpuinfo) == "x86-64-v3"
    cpuinfo.write_text(V3.replace(" avx2 fma", ""))
    with pytest.raises(ArtifactError) as refused:
        processor.check(tmp_path, cpuinfo)
    assert refused.value.reason == (
        "compiled for processors of x86-64-v3; this one lacks avx2, fma: "
        "build the images on it, or for a lower level"
    )


def test_level_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / processor.FILE).write_text("x86-64-v9\n")
    with pytest.raises(ArtifactError, match="one of native, x86-64-v2, x86-64-v3, not 'x86-64-v9'"):
        processor.check(tmp_path)


def test_folder_of_another_level_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "code-0").mkdir()
    with pytest.raises(ArtifactError, match="compiled for native, not x86-64-v3"):
        processor.declare(tmp_path, "x86-64-v3")
