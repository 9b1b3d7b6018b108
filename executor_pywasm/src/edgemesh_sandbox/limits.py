"""What a program may use."""

from __future__ import annotations

from dataclasses import dataclass

from edgemesh_sandbox.wasi.world import FILES_BYTES

MIB = 1 << 20
MOST_FUEL = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run. Raises `ValueError` for one outside of its range."""

    run_time_ms: int = 30_000
    """Wall-clock time, at most 300,000; then outcome TIMEOUT."""

    memory_bytes: int = 256 * MIB
    """Memory that the program adds to the image's; inputs come on top. Then MEMORY_LIMIT."""

    output_bytes: int = MIB
    """stdout, stderr and the JSON result together, as UTF-8; then OUTPUT_LIMIT. Tensors are
    bounded by the memory they lie in."""

    cpu_ms: int = 0
    """CPU time of the run; then CPU_LIMIT. 0: only the run time bounds it."""

    fuel: int = 0
    """Instructions of WebAssembly, about; then CPU_LIMIT, at the same place in every run. Needs the
    metered code module (`python -m edgemesh_sandbox.setup --metered`). 0: not counted."""

    files_bytes: int = FILES_BYTES
    """What /tmp and /outputs may hold together; then a write fails in the program (ENOSPC)."""

    calls: int = 1000
    """Calls of tools; then CALL_LIMIT."""

    def __post_init__(self) -> None:
        if not 1 <= self.run_time_ms <= 300_000:
            raise ValueError(f"run_time_ms must be 1 to 300,000, not {self.run_time_ms}")
        if not 0 <= self.memory_bytes <= 3 << 30:
            raise ValueError(f"memory_bytes must be 0 to 3 GiB, not {self.memory_bytes}")
        if not 0 <= self.output_bytes <= 1 << 30:
            raise ValueError(f"output_bytes must be 0 to 1 GiB, not {self.output_bytes}")
        if not 0 <= self.calls <= 1 << 30:
            raise ValueError(f"calls must be 0 to 2^30, not {self.calls}")
        if not 0 <= self.cpu_ms <= 300_000:
            raise ValueError(f"cpu_ms must be 0 to 300,000, not {self.cpu_ms}")
        if not 0 <= self.fuel <= MOST_FUEL:
            raise ValueError(f"fuel must be 0 to 2^63 - 1, not {self.fuel}")
        if not 0 <= self.files_bytes <= 1 << 30:
            raise ValueError(f"files_bytes must be 0 to 1 GiB, not {self.files_bytes}")
