"""Which processors compiled code is for: this one alone, or every one of a level of x86-64.

Rules: a folder of images says it in its file `processor`; without that file it is this machine's.
What was compiled for a level has the same name and the same bytes wherever it is made, so that it
can be moved to other machines; one that lacks the level's instructions is told so by name.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, cast

import wasmtime
from wasmtime import _ffi as ffi  # target and flags have no setters in the public API

from edgemesh_sandbox.errors import ArtifactError

NATIVE = "native"
FILE = "processor"

_TARGET = b"x86_64-unknown-linux-gnu"
_V2 = {
    "has_sse3": "pni",
    "has_ssse3": "ssse3",
    "has_sse41": "sse4_1",
    "has_sse42": "sse4_2",
    "has_popcnt": "popcnt",
}
_V3 = _V2 | {
    "has_avx": "avx",
    "has_avx2": "avx2",
    "has_fma": "fma",
    "has_bmi1": "bmi1",
    "has_bmi2": "bmi2",
    "has_lzcnt": "abm",
}
LEVELS: dict[str, dict[str, str]] = {NATIVE: {}, "x86-64-v2": _V2, "x86-64-v3": _V3}
"""Level → Cranelift's flags, and what the kernel calls each."""


def declare(images: Path, level: str) -> None:
    """Make the folder one of this level. Raises ArtifactError where it is another's."""
    images.mkdir(parents=True, exist_ok=True)
    if any(images.glob("code-*")) and (other := level_of(images)) != level:
        raise ArtifactError(images, f"it holds what was compiled for {other}, not {level}")
    if level != NATIVE:
        (images / FILE).write_text(f"{level}\n")


def level_of(images: Path) -> str:
    """The level that the folder says. Raises ArtifactError for one that nobody knows."""
    try:
        level = (images / FILE).read_text().strip()
    except FileNotFoundError:
        return NATIVE
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(images / FILE, f"it cannot be read: {error}") from error
    if level not in LEVELS:
        raise ArtifactError(
            images / FILE, f"one of {', '.join(sorted(LEVELS))}, not {level[:40]!r}"
        )
    return level


def check(images: Path, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The folder's level. Raises ArtifactError where this processor does not have it."""
    level = level_of(images)
    wanted = LEVELS[level]
    if not wanted:
        return level
    if platform.machine() not in ("x86_64", "AMD64"):
        raise ArtifactError(images, f"compiled for {level}; this machine is {platform.machine()}")
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:  # Wasmtime looks again, and words it otherwise
        return level
    has = next((set(line.split()) for line in lines if line.startswith("flags")), None)
    lacking = sorted(set(wanted.values()) - has) if has is not None else []
    if lacking:
        raise ArtifactError(
            images,
            f"compiled for processors of {level}; this one lacks {', '.join(lacking)}: "
            "build the images on it, or for a lower level",
        )
    return level


def aim(config: wasmtime.Config, level: str) -> None:
    """Compile for the level."""
    if level == NATIVE:
        return
    calls = cast(Any, ffi)
    error = calls.wasmtime_config_target_set(config.ptr(), _TARGET)
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)  # pyright: ignore[reportPrivateUsage]
    for flag in LEVELS[level]:
        calls.wasmtime_config_cranelift_flag_enable(config.ptr(), flag.encode())
