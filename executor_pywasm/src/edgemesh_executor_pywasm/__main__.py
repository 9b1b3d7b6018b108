"""`python -m edgemesh_executor_pywasm`: the executor's front."""

from importlib.metadata import version

from edgemesh_executor_pywasm.describe import MAP
from edgemesh_executor_pywasm.fetching import Fetching
from edgemesh_executor_pywasm.ground import PythonGround
from edgemesh_executor_pywasm.keeping import PyWasmSessions
from edgemesh_executor_pywasm.map import PythonMap
from edgemesh_executor_pywasm.module_store import completions
from edgemesh_executor_pywasm.reentry import Reentry
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service.executor import Plan, serve


def main() -> None:
    """Serve until told to stop."""
    serve(
        PyWasmSettings,
        Plan(
            runner="edgemesh_executor_pywasm.confined:confined",
            version=version("edgemesh-executor-pywasm"),
            config=PyWasmSettings.runner_config,
            env=PyWasmSettings.worker_environment,
            ground=PythonGround,
            fans={MAP: PythonMap()},
            sessions=PyWasmSessions,
            completions=completions,
            back=lambda settings: Reentry(settings.gateway, Fetching(settings)),
        ),
    )


if __name__ == "__main__":
    main()
