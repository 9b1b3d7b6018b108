"""A real executor, started for the attacks, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import grpc
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2_grpc

MIB = 1 << 20
_PATIENCE_S = 60.0


class Executor:
    """The executor's process, with two workers and a spare one."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        env = os.environ | {
            "EDGEMESH_PYWASM_WORKERS": "2",
            "EDGEMESH_PYWASM_SPARES": "1",
            "EDGEMESH_PYWASM_PORT": "0",
            "EDGEMESH_PYWASM_METRICS_PORT": "0",
            "EDGEMESH_PYWASM_GATEWAY": "127.0.0.1:9",  # nobody is there
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edgemesh_executor_pywasm"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the executor did not start; its log: {self._log.read_text()}"
        self.address: str = json.loads(line)["address"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def caller(self, tenant: str) -> Caller:
        """Somebody with a connection of their own."""
        return Caller(self.address, tenant)

    def workers(self) -> list[int]:
        """Its worker processes."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        lists = [Path(task, "children").read_text() for task in tasks.iterdir()]
        return [int(pid) for each in lists for pid in each.split()]

    def private_bytes(self) -> dict[int, int]:
        """What its processes hold of their own, by process."""
        return {pid: _private(pid) for pid in (self._process.pid, *self.workers())}

    def settles_below(self, limit: int, seconds: float) -> int:
        """The largest process's private bytes, when they are below `limit` or it is too late."""
        until = time.monotonic() + seconds
        while (most := max(self.private_bytes().values())) > limit and time.monotonic() < until:
            time.sleep(0.01)
        return most


def _private(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:  # it has just ended
        return 0
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGESIZE")


class Caller:
    """One tenant's connection."""

    def __init__(self, address: str, tenant: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options)
        self._stub: Any = executor_pb2_grpc.ExecutorServiceStub(self._channel)
        metadata = (("edgemesh-tenant", tenant),)
        self._options: dict[str, Any] = {"timeout": _PATIENCE_S, "metadata": metadata}

    def run(
        self,
        code: str,
        *,
        streams: bool = False,
        run_time_ms: int = 10_000,
        capabilities: Sequence[str] = (),
        **inputs: Any,
    ) -> compute_pb2.ComputeResponse:
        """Run a program. Raises grpc.RpcError."""
        request = compute_pb2.ComputeRequest(
            algorithm="python.run",
            parameters=json.dumps({"code": code, "inputs": inputs}),
            capabilities=capabilities,
            limits=compute_pb2.Limits(
                run_time_ms=run_time_ms, memory_bytes=112 * MIB, output_bytes=8 << 10
            ),
        )
        if not streams:
            return self.send(request)
        *_, last = self._stub.ExecuteStream(request, **self._options)
        return last.response

    def send(self, request: compute_pb2.ComputeRequest) -> compute_pb2.ComputeResponse:
        """Any request. Raises grpc.RpcError."""
        return self._stub.Execute(request, **self._options)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
