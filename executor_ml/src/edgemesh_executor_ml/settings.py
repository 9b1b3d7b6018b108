"""The executor's settings: EDGEMESH_ML_*, and a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from mesh_service.settings import MIB, ExecutorSettings, SettingsError


class MlSettings(ExecutorSettings):
    """What the Candle executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_ML_")
    service: ClassVar[str] = "ml"

    workers: int = Field(default=1, ge=1, le=256)
    """Worker processes of each model that is loaded, and of what needs none."""
    concurrency: int = Field(default=16, ge=1, le=256)
    """Requests that one worker takes at a time; texts of one model are generated together."""
    models_dir: Path | None = None
    """Folder of models, a folder, a GGUF or an ONNX file each; default: `models` in the cache."""
    keep_models: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of models, separated by commas, that are loaded at the start and never unloaded; the
    first of them that does an algorithm is its default, which is else the first by name."""
    models_memory_bytes: int = Field(default=0, ge=0)
    """Memory that all loaded models may take; the one that was called longest ago makes room for
    another. 0: three quarters of this machine's, or of this container's."""
    load_timeout_ms: int = Field(default=120_000, ge=100, le=3_600_000)
    """How long a model may take to be looked at, or to be loaded."""
    threads: int = Field(default=0, ge=0, le=1024)
    """Threads that one worker computes with; 0: the cores, shared equally among the workers."""

    device: Literal["cpu", "cuda"] = "cpu"
    """What models compute on. `cuda` is refused: this executor has kernels for processors alone."""

    @property
    def models(self) -> Path:
        """The folder of models in force."""
        return self.models_dir or self.cache / "models"

    @property
    def memory_bytes(self) -> int:
        """Memory of all models in force, which Describe tells."""
        return self.models_memory_bytes or available_bytes() * 3 // 4

    @property
    def slots(self) -> int:
        """Requests that may run at the same time."""
        return self.workers * self.concurrency

    @property
    def worker_threads(self) -> int:
        """Threads of one worker in force."""
        cores = len(os.sched_getaffinity(0))
        return self.threads or max(1, cores // self.workers)

    @field_validator("keep_models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    def check(self) -> None:
        """Refuse a folder that is not there, and a device that there is not."""
        super().check()
        if self.device != "cpu":
            # Never the processor in its place: who asks for a device has planned with its speed.
            raise SettingsError(
                f"{self.prefix()}DEVICE",
                f"this executor is not built with {self.device.upper()}; it computes on `cpu`",
            )
        if not self.models.is_dir():
            raise SettingsError(
                f"{self.prefix()}MODELS_DIR",
                f"no such folder: {self.models}; `python -m edgemesh_executor_ml.fetch` fills it",
            )

    def worker_environment(self) -> dict[str, str]:
        """Thread budgets, which the native pools read once, at their first use; and a bound to what
        each thread's heap keeps of a large block (a decoded picture, a sound) that it has freed."""
        budgets = dict.fromkeys(
            ("RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"), str(self.worker_threads)
        )
        return budgets | {"MALLOC_MMAP_THRESHOLD_": str(16 * MIB)}


def available_bytes() -> int:
    """Memory of this machine, or of the control group that this process lives in."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(machine, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return machine
