"""OpenBLAS is told what a processor can that it may not know."""

from __future__ import annotations

import pytest

from edgemesh_executor_cpp.processor import blas_core

WIDE = "fpu sse2 avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl"


def cpuinfo(vendor: str, family: int, flags: str) -> str:
    first = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 207\n"
    return f"{first}flags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "core"),
    [
        ("GenuineIntel", 6, WIDE, "SkylakeX"),
        ("GenuineIntel", 6, "fpu sse2 avx2 fma", "Haswell"),
        ("GenuineIntel", 6, WIDE.replace("avx512vl", ""), "Haswell"),
        ("GenuineIntel", 6, "fpu sse2 avx", ""),
        ("AuthenticAMD", 0x19, WIDE, ""),
        ("AuthenticAMD", 0x1A, WIDE, "SkylakeX"),
    ],
)
def test_by_what_it_can(vendor: str, family: int, flags: str, core: str) -> None:
    assert blas_core(cpuinfo(vendor, family, flags)) == core


def test_what_says_nothing_is_left_alone() -> None:
    assert blas_core("") == ""
    assert blas_core("BogoMIPS\t: 48.00\nFeatures\t: fp asimd\n") == ""
