"""A real executor, and what its gateway would ask of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import grpc
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, environment_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

from edgemesh_sandbox.built import default_images_dir

_PATIENCE_S = 90.0


class Executor:
    """The executor's process, with a cache of its own."""

    def __init__(self, cache: Path, env: dict[str, str] | None = None, **settings: object) -> None:
        self._log = cache / "executor.log"
        own = {"port": 0, "metrics_port": 0, "workers": 2, "spares": 1} | settings
        self._env = {
            "EDGEMESH_CACHE": str(cache),
            "EDGEMESH_PYWASM_IMAGES_DIR": str(default_images_dir()),
            **{f"EDGEMESH_PYWASM_{name.upper()}": _text(value) for name, value in own.items()},
            **(env or {}),
        }

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edgemesh_executor_pywasm"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | self._env,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the executor did not start; its log: {self._log.read_text()}"
        self.address: str = json.loads(line)["address"]
        self._channel = grpc.insecure_channel(self.address)
        self._stub: Any = executor_pb2_grpc.ExecutorServiceStub(self._channel)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self.process.terminate()
        self.process.communicate()

    def prepare(self, code: str, entry_point: str = "f", **fields: Any) -> Any:
        """PrepareProgram: the whole response."""
        algorithm = algorithm_pb2.Algorithm(
            name="python.f",
            version="1",
            any_inputs=True,
            parameters_schema=fields.pop("parameters_schema", ""),
        )
        program = executor_pb2.Program(
            algorithm=algorithm, code=code, entry_point=entry_point, **fields
        )
        request = executor_pb2.PrepareProgramRequest(program=program)
        return self._stub.PrepareProgram(request, timeout=_PATIENCE_S)

    def put(self, program: bytes) -> str:
        """PutProgram."""
        request = executor_pb2.PutProgramRequest(program=program)
        return str(self._stub.PutProgram(request, timeout=_PATIENCE_S).digest)

    def call(self, digest: str, inputs: Any = None, **parameters: Any) -> Any:
        """Execute a program."""
        return self.execute(
            "python.f@1", parameters, inputs=inputs, metadata=(("edgemesh-program", digest),)
        )

    def execute(
        self,
        algorithm: str,
        parameters: dict[str, Any],
        *,
        inputs: Any = None,
        timeout: float = _PATIENCE_S,
        metadata: Any = (),
        **fields: Any,
    ) -> compute_pb2.ComputeResponse:
        """Execute."""
        request = compute_pb2.ComputeRequest(
            algorithm=algorithm, parameters=json.dumps(parameters), inputs=inputs or {}, **fields
        )
        return self._stub.Execute(request, timeout=timeout, metadata=metadata)

    def environment(
        self, *dependencies: str, lock: str = "", timeout: float = _PATIENCE_S
    ) -> tuple[environment_pb2.Environment, list[str]]:
        """PrepareEnvironment: what was made, and the stages that were told."""
        request = executor_pb2.PrepareEnvironmentRequest(dependencies=dependencies, lock=lock)
        stages: list[str] = []
        for response in self._stub.PrepareEnvironment(request, timeout=timeout):
            if response.event.WhichOneof("event") == "environment":
                return response.event.environment, stages
            stages.append(response.event.progress.stage)
        raise AssertionError("it ended without an environment")


def value(response: compute_pb2.ComputeResponse) -> Any:
    """The result of a call that ended well."""
    assert response.outcome == compute_pb2.OUTCOME_OK, response
    return json.loads(response.result or "null")


class Refusal:
    """Why a call was refused."""

    def __init__(self, error: grpc.RpcError) -> None:
        call: Any = error
        self.code: grpc.StatusCode = call.code()
        self.reason, self.fields = "", {}
        details = dict(call.trailing_metadata())["grpc-status-details-bin"]
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Unpack(info):
                self.reason = info.reason
                self.metadata = dict(info.metadata)
            elif detail.Unpack(bad):
                self.fields = {each.field: each.description for each in bad.field_violations}


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, list | bool) or value is None else str(value)
