"""The mesh of deploy/compose.yaml, as those who start it see it: its containers, and calls.

Rules: a project of its own, on free ports; what it keeps is gone when it is closed. It is reached
as a caller reaches it, with a key that the gateway issued.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import docker
import grpc
from docker.models.containers import Container
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

ROOT = Path(__file__).resolve().parents[3]
EXECUTORS = tuple(os.environ.get("EXECUTORS", "cpp,ml,pywasm").split(","))
"""Those that are started and tested."""
COMPOSE = tuple(os.environ.get("COMPOSE", "docker-compose").split())
"""The program: Debian's, of version 1.29, or another that COMPOSE names."""
HEALTHY_S = 180.0
MISBEHAVING = ROOT / "executor_cpp" / ".venv" / "edgemesh" / "testing-plugins"
"""Plugins that sleep, crash and hang on demand, where the checkout has built them."""


class Mesh:
    """A running mesh."""

    def __init__(
        self,
        models: str,
        runtime: str = "runc",
        name: str = "",
        services: Sequence[str] = ("gateway", *EXECUTORS),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.runtime = runtime
        """The OCI runtime that its containers run by."""
        self.services = services
        """Those that are started."""
        self._project = f"edgemesh-tests-{name or runtime}"
        self.ports = {name: _free_port() for name in ("GRPC", "REST", "METRICS")}
        self._env = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self._project,
            "EDGEMESH_RUNTIME": runtime,
            "COMPOSE_FILE": str(ROOT / "deploy" / "compose.yaml"),
            "EDGEMESH_MODELS": models,
            **({"EDGEMESH_PLUGINS": str(MISBEHAVING)} if MISBEHAVING.is_dir() else {}),
            **{f"EDGEMESH_{name}_PORT": str(port) for name, port in self.ports.items()},
            **(settings or {}),
        }
        self.engine = docker.from_env()
        self.key = ""

    def __enter__(self) -> Mesh:
        self.start()
        self.key = self.inside(
            "gateway", "edgemesh-gateway", "keys", "create", "--tenant", "tests"
        ).strip()
        return self

    def start(self) -> None:
        """Start what does not run, and wait until all are healthy."""
        self.compose("up", "-d", "--no-build", *self.services)
        for name in self.services:
            self.wait_healthy(name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self.compose("logs", "--tail", "20"))
        self.compose("down", "--volumes", "--timeout", "10")
        label = self._label()
        left = [
            *self.containers(),
            *self.engine.networks.list(filters=label),
            *self.engine.volumes.list(filters=label),
        ]
        self.engine.close()
        assert not left, f"left after down: {left}"

    def compose(self, *arguments: str) -> str:
        """What Compose says to it. Raises AssertionError where it fails."""
        return self.run([*COMPOSE, *arguments], ROOT)

    def run(self, command: Sequence[str], folder: Path) -> str:
        """What a command says that finds the mesh by its environment. Raises AssertionError where
        it fails.
        """
        done = subprocess.run(
            command,
            cwd=folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def inside(self, service: str, *command: str) -> str:
        """What a program said on stdout that ran inside. Raises AssertionError where it failed.

        By the engine's own client: the package loses what is said at once.
        """
        done = subprocess.run(
            ["docker", "exec", str(self.container(service).id), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def containers(self) -> list[Container]:
        """All of them, also those that have ended."""
        return self.engine.containers.list(all=True, filters=self._label())

    def _label(self) -> dict[str, str]:
        return {"label": f"com.docker.compose.project={self._project}"}

    def container(self, service: str) -> Container:
        """The one of a service, as it is now."""
        for each in self.containers():
            if each.labels["com.docker.compose.service"] == service:
                return each
        raise LookupError(service)

    def wait_healthy(self, service: str, timeout_s: float = HEALTHY_S) -> float:
        """Seconds until the engine calls it healthy."""
        began = time.monotonic()
        try:
            wait_for(lambda: self.health(service) == "healthy", timeout_s, f"{service} is healthy")
        except AssertionError as error:
            state = self.container(service).attrs["State"]
            raise AssertionError(f"{error}; {state}\n{self.compose('logs', service)}") from None
        return time.monotonic() - began

    def health(self, service: str) -> str:
        """What the engine says of its health."""
        return str(self.container(service).attrs["State"]["Health"]["Status"])

    def channel(self) -> grpc.Channel:
        """A connection as a caller has one."""
        return grpc.insecure_channel(f"127.0.0.1:{self.ports['GRPC']}")

    def call(
        self, channel: grpc.Channel, request: compute_pb2.ComputeRequest, key: str | None = None
    ) -> compute_pb2.ComputeResponse:
        """Compute with this key, or the mesh's. Raises grpc.RpcError."""
        stub: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        metadata = [("authorization", f"Bearer {self.key if key is None else key}")]
        return stub.Compute(request, timeout=30, metadata=metadata)


def make_image(folder: Path, image: str) -> None:
    """One of the tests' own, on the base that the mesh's images have."""
    base = os.environ.get("EDGEMESH_BASE", "debian:bookworm-slim")
    build = ["docker", "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", image, folder]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Look ten times a second. Raises AssertionError when the time is over."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as what is in them."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
