"""The executor's settings: EDGEMESH_CPP_*, and a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from mesh_service.settings import ExecutorSettings, SettingsError


class CppSettings(ExecutorSettings):
    """What the C++ executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_CPP_")
    service: ClassVar[str] = "cpp"

    plugins_dir: Annotated[tuple[Path, ...], NoDecode] = Field(default=(), validate_default=False)
    """Folder of plugins (`*.so`); several are separated by colons, as in PATH. Required."""
    threads: int = Field(default=1, ge=1, le=1024)
    """Threads that one call may compute with; a worker runs one call at a time."""

    @field_validator("plugins_dir", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    def check(self) -> None:
        """Refuse folders that are not there."""
        super().check()
        variable = f"{self.prefix()}PLUGINS_DIR"
        if not self.plugins_dir:
            raise SettingsError(variable, "required: the folder of plugins")
        for folder in self.plugins_dir:
            if not folder.is_dir():
                raise SettingsError(variable, f"no such folder: {folder}")

    def runner_config(self) -> dict[str, Any]:
        """What the workers' runner is made with."""
        return {
            "plugins": [str(folder.absolute()) for folder in self.plugins_dir],
            "threads": self.threads,
        }

    def worker_environment(self) -> dict[str, str]:
        """Keep BLAS and OpenMP from starting a thread for each core as they are loaded."""
        return dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(self.threads))
