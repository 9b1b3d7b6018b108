"""Which of OpenBLAS' kernels fit this machine's processor.

Rules: OpenBLAS chooses by a table of processors, and runs one that came after its release with the
kernels of 2004, four times as slowly. So it is told, by what the processor says that it can; those
that any release in use knows are left to it.
"""

from __future__ import annotations

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
_AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_NEWEST_KNOWN_AMD = 0x19


def blas_core(cpuinfo: str) -> str:
    """OpenBLAS' name of kernels for the first processor of /proc/cpuinfo; empty: its own choice."""
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", cpuinfo.partition("\n\n")[0], re.MULTILINE))
    flags = set(fields.get("flags", "").split())
    family = int(fields.get("cpu family", "0"))
    known = fields.get("vendor_id") == "AuthenticAMD" and family <= _NEWEST_KNOWN_AMD
    if known or not flags.issuperset({"avx2", "fma"}):
        return ""
    return "SkylakeX" if flags.issuperset(_AVX512) else "Haswell"


def this_blas_core() -> str:
    """The same for this machine."""
    try:
        return blas_core(CPUINFO.read_text())
    except (OSError, ValueError):
        return ""
