"""A real executor that keeps sessions in a folder, and a caller of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import grpc
from edgemesh.compute.v1 import compute_pb2, session_pb2, session_pb2_grpc
from edgemesh.executor.v1 import executor_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

_PATIENCE_S = 60.0


class Executor:
    """The executor's process."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """`settings`: those of the executor, by their names."""
        self._log = folder.parent / f"{folder.name}.log"
        self._settings = {"session_dir": folder, "workers": 2, "spares": 1} | settings

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()

    def start(self) -> None:
        """Start it, again if it has ended."""
        env = os.environ | {
            f"EDGEMESH_PYWASM_{name.upper()}": str(value) for name, value in self._settings.items()
        }
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edgemesh_executor_pywasm"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=env | {"EDGEMESH_PYWASM_PORT": "0", "EDGEMESH_PYWASM_METRICS_PORT": "0"},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the executor did not start; its log: {self._log.read_text()}"
        self.address: str = json.loads(line)["address"]

    def kill(self) -> None:
        """End it at once, and all of its workers with it."""
        self.process.kill()
        self.process.communicate()

    def workers(self) -> list[int]:
        """Its worker processes."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        lists = [Path(task, "children").read_text() for task in tasks.iterdir()]
        return [int(pid) for each in lists for pid in each.split()]

    def kill_workers(self) -> None:
        """End its workers at once."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def caller(self, tenant: str = "ann") -> Caller:
        """Somebody with a connection of their own."""
        return Caller(self.address, tenant)


def reason(error: grpc.RpcError) -> str:
    """The mesh's reason in an error."""
    call: Any = error
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            info = error_details_pb2.ErrorInfo()
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return info.reason
    return ""


class Caller:
    """Calls an executor on behalf of a tenant."""

    def __init__(self, address: str, tenant: str) -> None:
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1)]
        )
        self._executor: Any = executor_pb2_grpc.ExecutorServiceStub(self._channel)
        self.sessions: Any = session_pb2_grpc.SessionServiceStub(self._channel)
        self._metadata = (("edgemesh-tenant", tenant),)

    def run(self, session: str, code: str, **parameters: Any) -> compute_pb2.ComputeResponse:
        """Run a part of a session's program."""
        limits = parameters.pop("limits", {})
        algorithm = "python.call" if "function" in parameters else "python.run"
        request = compute_pb2.ComputeRequest(
            algorithm=algorithm,
            session_id=session,
            parameters=json.dumps({"code": code, **parameters}),
            limits=compute_pb2.Limits(**limits),
        )
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._executor.Execute(request, metadata=self._metadata, timeout=_PATIENCE_S)
            except grpc.RpcError as error:  # workers were killed, and it says that nothing ran
                late = time.monotonic() > until
                if reason(error) != "NOT_STARTED" or late:
                    raise

    def value(self, session: str, code: str, **parameters: Any) -> Any:
        """The result of a part that ends well."""
        response = self.run(session, code, **parameters)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        return json.loads(response.result or "null")

    def ask(self, method: str, session: str = "", **fields: Any) -> Any:
        """Call a method of SessionService."""
        kind = getattr(session_pb2, f"{method}Request")
        request = kind(**({"session_id": session} if session else {}), **fields)
        return getattr(self.sessions, method)(request, metadata=self._metadata, timeout=_PATIENCE_S)

    def close(self) -> None:
        """Disconnect."""
        self._channel.close()
