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
    max_run_time_ms: int = Field(default=300_000, ge=1, le=300_000)
    """Longest run time that a request may ask for."""
    default_memory_bytes: int = Field(default=256 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Memory that a request may add to its worker, when it names no limit."""
    max_memory_bytes: int = Field(default=2048 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Largest memory limit that a request may ask for; a guest has 4 GiB in all."""
    warm_instance: bool = True
    """Whether a worker makes the next interpreter ready between calls; costs about 2 MiB a worker,
    and spares a call a millisecond."""

    walls: Literal["strict", "best"] = "best"
    """What happens where a wall around a worker cannot be raised: `strict` does not start, `best`
    tells it and starts."""
    worker_uid: int = Field(default=65534, ge=0, lt=1 << 31)
    """User and group that workers become where the executor runs as root and that user can read
    the images and the executor's own Python; 0: they stay root, without its privileges."""

    def runner_config(self) -> dict[str, Any]:
        """What the workers' runner is made with."""
        images = self.images_dir or self.cache / "images"
        return {
            "images": str(images.absolute()),
            "ready": self.warm_instance,
            "walls": {"strict": self.walls == "strict", "uid": self.worker_uid},
        }

    def worker_environment(self) -> dict[str, str]:
        """What the workers' environment differs in: behind their walls they can write no figures
        of which lines have run."""
        return {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
