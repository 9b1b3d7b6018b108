"""`python -m edgemesh_executor_pywasm`: the executor's front."""

from importlib.metadata import version

from edgemesh_executor_pywasm.describe import MAP
from edgemesh_executor_pywasm.map import PythonMap
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
            fans={MAP: PythonMap()},
            back=lambda settings: Reentry(settings.gateway),
        ),
    )


if __name__ == "__main__":
    main()
