"""`python -m edgemesh_executor_ml`: the executor's front."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from edgemesh_executor_ml.examine import Examiner, build_key
from edgemesh_executor_ml.memory import Memory
from edgemesh_executor_ml.models import Models
from edgemesh_executor_ml.settings import MlSettings
from edgemesh_executor_ml.versions import Version
from mesh_service import setups
from mesh_service.executor import Plan, serve
from mesh_service.executor.crew import Crew, spec

RUNNER = "edgemesh_executor_ml.runner:MlRunner"


def staff(settings: MlSettings) -> Models:
    """The crews of the models' folder."""
    env = settings.worker_environment()
    load_s = settings.load_timeout_ms / 1e3
    limit = settings.memory_bytes

    def crew(config: Mapping[str, Any], name: str, *, vital: bool = False) -> Crew:
        # Spares of a model that nobody calls would double its memory for nothing.
        made = spec(settings, RUNNER, config, env, resting=settings.workers, prepared=True)
        made = replace(made, concurrency=settings.concurrency, start_timeout=load_s)
        return Crew(made, name, vital=vital)

    def enlist(version: Version) -> Crew:
        config = {"folder": str(version.folder), "manifest": asdict(version.manifest)}
        return crew(config, version.label)

    def memory(changed: Callable[[], None]) -> Memory:
        return Memory(
            enlist,
            changed,
            limit=limit,
            processes=settings.workers + settings.spares,
            kept=settings.keep_models,
            start_s=load_s,
            drain_s=(settings.max_run_time_ms + settings.grace_ms) / 1e3,
        )

    folder = settings.models.absolute()
    threads = str(settings.worker_threads)
    key = hashlib.sha256(f"{build_key()} {threads}".encode()).hexdigest()
    examiner = Examiner(settings.cache / "ml-models", key, env, load_s, limit)
    plain = crew({}, "plain", vital=True)
    return Models(folder, examiner, plain, memory, settings.keep_models)


def fit(settings: MlSettings) -> Mapping[str, str]:
    """Look whether it can work here. Raises BadSetup."""
    setups.writable(settings.cache / "ml-models", "EDGEMESH_CACHE", settings.cache)
    own = f"{settings.prefix()}MODELS_DIR"
    setups.readable(settings.models, own if settings.models_dir else "EDGEMESH_CACHE")
    return {}


def main() -> None:
    """Serve until told to stop."""
    serve(MlSettings, Plan(version=version("edgemesh-executor-ml"), crews=staff, fit=fit))


if __name__ == "__main__":
    main()
