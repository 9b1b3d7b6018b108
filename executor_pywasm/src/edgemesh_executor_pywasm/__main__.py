"""`python -m edgemesh_executor_pywasm`: the executor's front."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from edgemesh_executor_pywasm.describe import MAP
from edgemesh_executor_pywasm.fetching import Fetching
from edgemesh_executor_pywasm.ground import PythonGround
from edgemesh_executor_pywasm.keeping import PyWasmSessions
from edgemesh_executor_pywasm.map import PythonMap
from edgemesh_executor_pywasm.models import PythonModels
from edgemesh_executor_pywasm.module_store import completions
from edgemesh_executor_pywasm.reentry import Reentry
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import setups
from mesh_service.executor import Plan, serve
from mesh_service.executor.crew import OneCrew, spec

RUNNER = "edgemesh_executor_pywasm.fitted:fitted"


def staff(settings: PyWasmSettings) -> PythonModels:
    """The workers, and the models that they run."""
    config, env = settings.runner_config(), settings.worker_environment()
    crew = OneCrew(spec(settings, RUNNER, config, env))
    return PythonModels(crew, PythonGround(settings), settings.models.absolute())


def fit(settings: PyWasmSettings) -> Mapping[str, str]:
    """Look whether it can work here; what cannot be had, and why. Raises BadSetup."""
    prefix = settings.prefix()
    setups.writable(settings.cache / "programs", "EDGEMESH_CACHE", settings.cache)
    sessions = settings.sessions_folder()
    if sessions is None:
        setups.temporary()
    else:
        own = f"{prefix}SESSION_DIR" if settings.session_dir else "EDGEMESH_CACHE"
        setups.writable(sessions, own, settings.session_dir or settings.cache)
    if settings.http_secrets is not None:
        setups.readable(settings.http_secrets, f"{prefix}HTTP_SECRETS")
    if settings.http:
        setups.certificates(f"{prefix}HTTP")
    if settings.offline:
        return {}
    try:
        setups.certificates("fetching")
    except setups.BadSetup as error:
        return {"environments": error.rest}
    return {}


def main() -> None:
    """Serve until told to stop."""
    serve(
        PyWasmSettings,
        Plan(
            version=version("edgemesh-executor-pywasm"),
            crews=staff,
            fit=fit,
            fans={MAP: PythonMap()},
            sessions=PyWasmSessions,
            completions=completions,
            back=lambda settings: Reentry(settings.gateway, Fetching(settings)),
        ),
    )


if __name__ == "__main__":
    main()
