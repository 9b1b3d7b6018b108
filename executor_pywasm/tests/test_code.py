from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from edgemesh_sandbox.code import COMPILED, FIRST_MEMORY, code_folder, compile_code
from edgemesh_sandbox.engine import load, new_engine
from edgemesh_sandbox.progress import step
from edgemesh_sandbox.wasm.memory import contents

SMALL = """
(module
  (import "host" "call" (func))
  (memory (export "memory") 1)
  (data (i32.const 3) "data"))
"""


def test_a_module_is_compiled_beside_its_memory(tmp_path: Path) -> None:
    source = tmp_path / "small.wasm"
    source.write_bytes(wasmtime.wat2wasm(SMALL))
    engine = new_engine()
    artifact = compile_code(code_folder(tmp_path, engine), engine, source)
    imports = [(i.module, i.name) for i in load(engine, artifact.path(COMPILED)).imports]
    assert imports == [("host", "call"), ("env", "memory")]
    assert contents(artifact.path(FIRST_MEMORY).read_bytes())[:8] == b"\0\0\0data\0"


def test_steps_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with step("waiting"):
        pass
    with pytest.raises(KeyError), step("failing"):
        raise KeyError
    told = capsys.readouterr().err
    assert "python sandbox: waiting\npython sandbox: waiting done in 0 s\n" in told
    assert "failing failed after 0 s" in told
