"""The executor's settings: EDGEMESH_CPP_*, and a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from edgemesh_executor_cpp.processor import this_blas_core
from mesh_service.settings import ExecutorSettings, SettingsError


def _store_dir() -> Path:
    cache = os.environ.get("EDGEMESH_CACHE") or Path.home() / ".cache" / "edgemesh"
    return Path(cache) / "cpp-plugins"


class CppSettings(ExecutorSettings):
    """What the C++ executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_CPP_")
    service: ClassVar[str] = "cpp"

    plugins_dir: Annotated[tuple[Path, ...], NoDecode] = Field(default=(), validate_default=False)
    """Folder of plugins (`*.so`); several are separated by colons, as in PATH. Required."""
    threads: int = Field(default=1, ge=1, le=1024)
    """Threads that one call may compute with; a worker runs one call at a time."""

    store_dir: Path = Field(default_factory=_store_dir)
    """Where the executor keeps its own copies of plugins."""
    plugin_versions: int = Field(default=3, ge=1, le=100)
    """Versions of a plugin that are kept for a roll back, the newest included."""
    load_timeout_ms: int = Field(default=10_000, ge=100, le=600_000)
    """How long a plugin may take to load, and its first worker to start."""

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

    def worker_environment(self) -> dict[str, str]:
        """Keep BLAS and OpenMP from starting a thread for each core as they are loaded.

        OpenBLAS is told its kernels, too; who has set OPENBLAS_CORETYPE wants others.
        """
        env = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(self.threads))
        core = os.environ.get("OPENBLAS_CORETYPE") or this_blas_core()
        return env | ({"OPENBLAS_CORETYPE": core} if core else {})
