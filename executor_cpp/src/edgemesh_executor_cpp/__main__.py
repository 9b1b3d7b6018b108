"""`python -m edgemesh_executor_cpp`: the executor's front."""

from importlib.metadata import version

from edgemesh_executor_cpp.settings import CppSettings
from mesh_service.executor import Plan, serve


def main() -> None:
    """Serve until told to stop."""
    serve(
        CppSettings,
        Plan(
            runner="edgemesh_executor_cpp.runner:CppRunner",
            version=version("edgemesh-executor-cpp"),
            config=CppSettings.runner_config,
            env=CppSettings.worker_environment,
        ),
    )


if __name__ == "__main__":
    main()
