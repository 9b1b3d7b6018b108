"""The executor's settings: EDGEMESH_PYWASM_*, and a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from mesh_service.settings import MIB, ExecutorSettings


class PyWasmSettings(ExecutorSettings):
    """What the Python executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_PYWASM_")
    service: ClassVar[str] = "pywasm"

    images_dir: Path | None = None
    """Where `python -m edgemesh_sandbox.setup` put the images; `images` in the cache by default."""
    image: Literal["base", "slim"] = "base"
    """What is imported already: `base`: everything; `slim`: the standard library and NumPy."""
    metered: bool = False
    """Whether requests may set `limits.fuel`, for which the workers load a second code module:
    build it with `python -m edgemesh_sandbox.setup --metered`."""
    stack_bytes: int = Field(default=32 * MIB, ge=4 * MIB, le=64 * MIB)
    """What nested calls of a guest may take of the native stack."""
    table_elements: int = Field(default=100_000, ge=10_000, le=10_000_000)
    """The most that a guest's table may grow to."""
    default_run_time_ms: int = Field(default=30_000, ge=1, le=300_000)
    """Run time of a request that names none."""
    max_run_time_ms: int = Field(default=60_000, ge=1, le=300_000)
    """Longest run time that a request may ask for."""
    default_memory_bytes: int = Field(default=256 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Memory that a request may add to its worker, when it names no limit."""
    max_memory_bytes: int = Field(default=512 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Largest memory limit that a request may ask for; a guest has 4 GiB in all."""
    default_cpu_ms: int = Field(default=0, ge=0, le=300_000)
    """CPU time of a request that names none; 0: the run time alone bounds it."""
    max_cpu_ms: int = Field(default=300_000, ge=1, le=300_000)
    """Most CPU time that a request may ask for."""
    default_fuel: int = Field(default=0, ge=0, lt=1 << 63)
    """Fuel of a request that names none, where `metered`; 0: none is counted."""
    max_fuel: int = Field(default=1 << 50, ge=1, lt=1 << 63)
    """Most fuel that a request may ask for, where `metered`."""
    default_files_bytes: int = Field(default=64 * MIB, ge=0, le=1024 * MIB)
    """What a program may store in files when its request names no limit; beside its memory."""
    max_files_bytes: int = Field(default=256 * MIB, ge=0, le=1024 * MIB)
    """Largest such limit that a request may ask for."""
    warm_instance: bool = True
    """Whether a worker makes the next interpreter ready between calls; costs about 2 MiB a worker,
    and spares a call a millisecond."""

    wasm_features: tuple[
        Literal["threads", "gc", "exceptions", "memory64", "relaxed_simd"], ...
    ] = ()
    """Proposals of WebAssembly that modules of `wasm.run` may use beside the standard's."""
    max_module_bytes: int = Field(default=32 * MIB, ge=1024, le=256 * MIB)
    """Largest module that is taken."""
    compiled_bytes: int = Field(default=256 * MIB, ge=0, le=4096 * MIB)
    """What a worker keeps of compiled modules, the last used ones."""
    kept_module_bytes: int = Field(default=64 * MIB, ge=0, le=4096 * MIB)
    """What the front keeps of modules that tenants have sent, to be named by their SHA-256."""

    walls: Literal["strict", "best"] = "best"
    """What happens where a wall around a worker cannot be raised: `strict` does not start, `best`
    tells it and starts."""
    worker_uid: int = Field(default=65534, ge=0, lt=1 << 31)
    """User and group that workers become where the executor runs as root and that user can read
    the images and the executor's own Python; 0: they stay root, without its privileges."""

    def limits(self) -> dict[str, tuple[int, int]]:
        """Those of every executor, and CPU time, fuel and files."""
        own = {
            "cpu_ms": (self.default_cpu_ms, self.max_cpu_ms),
            "files_bytes": (self.default_files_bytes, self.max_files_bytes),
        }
        fuel = {"fuel": (self.default_fuel, self.max_fuel)} if self.metered else {}
        return super().limits() | own | fuel

    def runner_config(self) -> dict[str, Any]:
        """What the workers' runner is made with."""
        images = self.images_dir or self.cache / "images"
        return {
            "images": str(images.absolute()),
            "ready": self.warm_instance,
            "image": self.image,
            "metered": self.metered,
            "stack_bytes": self.stack_bytes,
            "table_elements": self.table_elements,
            "modules": {
                "features": list(self.wasm_features),
                "module_bytes": self.max_module_bytes,
                "cache_bytes": self.compiled_bytes,
            },
            "walls": {"strict": self.walls == "strict", "uid": self.worker_uid},
        }

    def worker_environment(self) -> dict[str, str]:
        """What the workers' environment differs in: behind their walls they can write no figures
        of which lines have run."""
        return {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
