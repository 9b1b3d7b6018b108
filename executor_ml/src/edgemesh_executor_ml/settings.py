"""The executor's settings: EDGEMESH_ML_*, and a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from mesh_service.settings import ExecutorSettings, SettingsError


class MlSettings(ExecutorSettings):
    """What the Candle executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_ML_")
    service: ClassVar[str] = "ml"

    workers: int = Field(default=1, ge=1, le=256)
    """Worker processes that take requests; each loads the models that it is asked for."""
    concurrency: int = Field(default=16, ge=1, le=256)
    """Requests that one worker takes at a time; texts of one model are generated together."""
    models_dir: Path | None = None
    """Folder of models, one folder each with its `model.json`; default: `models` in the cache."""
    threads: int = Field(default=0, ge=0, le=1024)
    """Threads that one worker computes with; 0: the cores, shared equally among the workers."""

    @property
    def models(self) -> Path:
        """The folder of models in force."""
        return self.models_dir or self.cache / "models"

    @property
    def worker_threads(self) -> int:
        """Threads of one worker in force."""
        cores = len(os.sched_getaffinity(0))
        return self.threads or max(1, cores // self.workers)

    def check(self) -> None:
        """Refuse a folder that is not there."""
        super().check()
        if not self.models.is_dir():
            raise SettingsError(
                f"{self.prefix()}MODELS_DIR",
                f"no such folder: {self.models}; `python -m edgemesh_executor_ml.fetch` fills it",
            )

    def runner_config(self) -> dict[str, Any]:
        """What the workers' runner is made with."""
        return {"models": str(self.models.absolute())}

    def worker_environment(self) -> dict[str, str]:
        """Thread budgets, which the native pools read once, at their first use."""
        return dict.fromkeys(("RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"), str(self.worker_threads))
