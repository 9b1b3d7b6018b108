"""`python -m edgemesh_executor_cpp`: the executor's front."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from edgemesh_executor_cpp.examine import Examiner
from edgemesh_executor_cpp.files import Version
from edgemesh_executor_cpp.plugins import Plugins
from edgemesh_executor_cpp.settings import CppSettings
from edgemesh_executor_cpp.store import Store
from mesh_service import setups
from mesh_service.executor import Plan, serve
from mesh_service.executor.crew import Crew, spec

RUNNER = "edgemesh_executor_cpp.runner:CppRunner"
VERSION = version("edgemesh-executor-cpp")
_RESTING = 1
"""Workers of a plugin that nobody calls."""


def staff(settings: CppSettings) -> Plugins:
    """The crews of the plugins' folders."""
    store = Store(settings.store_dir)
    env = settings.worker_environment()
    load_s = settings.load_timeout_ms / 1e3

    def enlist(version: Version) -> Crew:
        config = {"plugin": str(store.path(version.sha256)), "threads": settings.threads}
        name = f"{version.finding.name}@{version.finding.version}"
        return Crew(spec(settings, RUNNER, config, env, _RESTING, prepared=True), name)

    return Plugins(
        [folder.absolute() for folder in settings.plugins_dir],
        store,
        Examiner(store, VERSION, env, load_s),
        enlist,
        versions=settings.plugin_versions,
        start_s=load_s,
        drain_s=(settings.max_run_time_ms + settings.grace_ms) / 1e3,
    )


def fit(settings: CppSettings) -> Mapping[str, str]:
    """Look whether it can work here. Raises BadSetup."""
    prefix, store = settings.prefix(), settings.store_dir
    if "store_dir" in settings.model_fields_set:
        setups.writable(store, f"{prefix}STORE_DIR")
    else:
        setups.writable(store, "EDGEMESH_CACHE", store.parent)
    for folder in settings.plugins_dir:
        setups.readable(folder, f"{prefix}PLUGINS_DIR")
    return {}


def main() -> None:
    """Serve until told to stop."""
    serve(CppSettings, Plan(version=VERSION, crews=staff, fit=fit))


if __name__ == "__main__":
    main()
