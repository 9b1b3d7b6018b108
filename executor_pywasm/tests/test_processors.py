"""A deterministic run gives the same bytes on a processor with fewer features.

Compiles all of the code again for a plain x86-64, which takes minutes: run it by
`python -m pytest -m processors`.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from test_determinism import CODE
from wasmtime import _ffi as ffi

from edgemesh_sandbox import Sandbox, engine, interpreter, setup
from edgemesh_sandbox.cache import Artifact
from edgemesh_sandbox.distribution import distribution
from edgemesh_sandbox.image import DIGEST

_FEATURES = (
    "has_avx", "has_avx2", "has_avx512bitalg", "has_avx512dq", "has_avx512f", "has_avx512vbmi",
    "has_avx512vl", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt", "has_popcnt",
)  # fmt: skip

pytestmark = [
    pytest.mark.processors,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="turns off features of x86-64"),
]


def plain_engine(**options: Any) -> wasmtime.Engine:
    """An engine as the sandbox makes it, for a processor of the year 2008."""
    made: list[Any] = []

    class Plain(wasmtime.Config):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)
            for name in _FEATURES:
                ffi.wasmtime_config_cranelift_flag_set(
                    self.ptr(), name.encode() + b"\0", b"false\0"
                )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wasmtime, "Config", Plain)
        plain = engine.new_engine(**options)
    assert made
    return plain


def test_fewer_features_give_the_same_bytes(
    sandbox: Sandbox,
    built: setup.Built,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = sandbox.run(CODE, deterministic=True)
    assert expected.ok, expected.failure
    monkeypatch.setattr(setup, "new_engine", plain_engine)
    monkeypatch.setattr(interpreter, "new_engine", plain_engine)

    def from_the_cache(_images: Path) -> Artifact:
        return distribution(images)

    monkeypatch.setattr(setup, "distribution", from_the_cache)
    other = setup.build(tmp_path)
    assert other.code.folder.name != built.code.folder.name
    assert other.image.facts[DIGEST] == built.image.facts[DIGEST]
    with Sandbox(tmp_path, spare=False) as plain:
        assert plain.run(CODE, deterministic=True).stdout == expected.stdout
