"""`python -m edgemesh_executor_pywasm`: the executor's front."""

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
from mesh_service.executor import Plan, serve
from mesh_service.executor.crew import OneCrew, spec

RUNNER = "edgemesh_executor_pywasm.confined:confined"


def staff(settings: PyWasmSettings) -> PythonModels:
    """The workers, and the models that they run."""
    config, env = settings.runner_config(), settings.worker_environment()
    crew = OneCrew(spec(settings, RUNNER, config, env))
    return PythonModels(crew, PythonGround(settings), settings.models.absolute())


def main() -> None:
    """Serve until told to stop."""
    serve(
        PyWasmSettings,
        Plan(
            version=version("edgemesh-executor-pywasm"),
            crews=staff,
            fans={MAP: PythonMap()},
            sessions=PyWasmSessions,
            completions=completions,
            back=lambda settings: Reentry(settings.gateway, Fetching(settings)),
        ),
    )


if __name__ == "__main__":
    main()
