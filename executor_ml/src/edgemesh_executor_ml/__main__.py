"""`python -m edgemesh_executor_ml`: the executor's front."""

from importlib.metadata import version

from edgemesh_executor_ml.settings import MlSettings
from mesh_service.executor import Plan, serve


def main() -> None:
    """Serve until told to stop."""
    serve(
        MlSettings,
        Plan(
            runner="edgemesh_executor_ml.runner:MlRunner",
            version=version("edgemesh-executor-ml"),
            config=MlSettings.runner_config,
            env=MlSettings.worker_environment,
            concurrency=lambda settings: settings.concurrency,
        ),
    )


if __name__ == "__main__":
    main()
