"""Refuses to load a binary that this CPU cannot run.

Loading code built for x86-64-v3 on an older CPU would end the process with an illegal
instruction; this names the remedy instead. The binary says in a marker what it was built for.
"""

import platform
from pathlib import Path

_NEEDED = frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"})
_MARKER = b"edgemesh_candle built for x86-64-v3"


def check(cpuinfo: Path = Path("/proc/cpuinfo"), package: Path = Path(__file__).parent) -> None:
    """Raise ImportError when the binary in `package` needs more than the CPU offers."""
    if platform.machine() not in {"x86_64", "AMD64"} or not cpuinfo.exists():
        return
    with cpuinfo.open(encoding="ascii", errors="replace") as file:
        line = next((line for line in file if line.startswith("flags")), "")
    missing = _NEEDED - set(line.split())
    if not missing:
        return
    if any(_MARKER in binary.read_bytes() for binary in package.glob("_native*.so")):
        lacks = ", ".join(sorted(missing))
        raise ImportError(
            f"edgemesh_candle was built for x86-64-v3, and this CPU lacks {lacks}."
            ' Build it for older CPUs: RUSTFLAGS="-C target-cpu=x86-64" maturin build --release'
        )
