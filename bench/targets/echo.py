"""An executor that gives back its input `x`: the real front and pool around a runner of nothing.

EDGEMESH_ECHO_WORKERS=2 python -m bench.targets.echo
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemesh.compute.v1 import algorithm_pb2
from pydantic_settings import SettingsConfigDict

from mesh_service.executor import Call, Plan, Reply, serve
from mesh_service.settings import ExecutorSettings


class EchoSettings(ExecutorSettings):
    """Those of any executor."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_ECHO_")
    service: ClassVar[str] = "echo"


class EchoRunner:
    """Runs bench.echo."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        pass

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """One algorithm of any input."""
        return [algorithm_pb2.Algorithm(name="bench.echo", version="1", any_inputs=True)]

    def run(self, call: Call) -> Reply:
        """Give the inputs back."""
        return Reply(outputs=call.inputs)

    def close(self) -> None:
        """Nothing is held."""


if __name__ == "__main__":
    serve(
        EchoSettings,
        Plan(runner="bench.targets.echo:EchoRunner", version="1", config=lambda _: {}),
    )
