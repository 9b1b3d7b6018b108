"""Plugins made to order, and an executor that watches the folder where they are put."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PREFIX = Path(sys.prefix) / "edgemesh"
HERE = Path(__file__).parent
BOUND_S = 30.0
"""A bound against hanging, not a measurement."""
T = TypeVar("T")


class Workshop:
    """Compiles variants of plugins in C, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, source: str = "answer.c", *link: str, **macros: object) -> Path:
        """A library, linked with `link`, and its manifest beside it."""
        flags = [f"-D{name}={_literal(value)}" for name, value in sorted(macros.items())]
        words = [*flags, str(HERE / source), *link]
        key = hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]
        library = self._folder / f"{key}.so"
        if not library.exists():
            command = ["cc", "-shared", "-fPIC", "-I", str(PREFIX / "include"), *words]
            subprocess.run([*command, "-o", str(library)], check=True)
            manifest = {
                "manifest": 1,
                "name": macros.get("NAME", "answer"),
                "version": macros.get("VERSION", "1.0.0"),
                "abi_version": 1,
                "sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
            }
            library.with_suffix(".json").write_text(json.dumps(manifest))
        return library


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else str(value)


def put(library: Path, folder: Path, stem: str = "answer") -> None:
    """Put a plugin there as one should: each file by a rename, the manifest last."""
    for suffix in (".so", ".json"):
        fresh = folder / f".fresh{suffix}"
        shutil.copy(library.with_suffix(suffix), fresh)
        fresh.replace(folder / f"{stem}{suffix}")


def remove(folder: Path, stem: str = "answer") -> None:
    """Take a plugin away."""
    for suffix in (".so", ".json"):
        (folder / f"{stem}{suffix}").unlink(missing_ok=True)


class Executor:
    """The executor's process, and a client."""

    def __init__(self, plugins: Path, store: Path, **settings: object) -> None:
        given = {"PLUGINS_DIR": plugins, "STORE_DIR": store, "PORT": 0, "METRICS_PORT": 0}
        env = {name: value for name, value in os.environ.items() if "EDGEMESH_CPP" not in name}
        env |= {f"EDGEMESH_CPP_{k.upper()}": str(v) for k, v in (given | settings).items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgemesh_executor_cpp"],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self._channel = grpc.aio.insecure_channel(
            json.loads(self.process.stdout.readline())["address"]
        )
        self.stub: Any = executor_pb2_grpc.ExecutorServiceStub(self._channel)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    async def answer(self, algorithm: str = "cpp.answer", **parameters: int) -> int:
        """What the plugin answers. Raises AioRpcError, and AssertionError for an outcome not OK."""
        request = compute_pb2.ComputeRequest(algorithm=algorithm, parameters=json.dumps(parameters))
        response = await self.stub.Execute(request, timeout=BOUND_S)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        return int(response.result)

    async def result(self, algorithm: str) -> Any:
        """What an algorithm without parameters gives."""
        request = compute_pb2.ComputeRequest(algorithm=algorithm)
        response = await self.stub.Execute(request, timeout=BOUND_S)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        return json.loads(response.result)

    async def refusal(self, algorithm: str = "cpp.answer") -> grpc.StatusCode:
        """The status of a call that must fail."""
        try:
            answer = await self.answer(algorithm)
        except grpc.aio.AioRpcError as error:
            return error.code()
        raise AssertionError(f"it answers {answer}")

    async def plugins(self) -> dict[tuple[str, str], executor_pb2.Plugin]:
        """Describe's plugins by (name, version)."""
        described = await self.stub.Describe(executor_pb2.DescribeRequest(), timeout=BOUND_S)
        return {(plugin.name, plugin.version): plugin for plugin in described.plugins}

    async def state(self, name: str, version: str = "1.0.0") -> str:
        """A plugin's state: SERVING, KEPT, LOADING, REFUSED, or empty."""
        plugin = (await self.plugins()).get((name, version))
        if plugin is None:
            return ""
        return executor_pb2.PluginState.Name(plugin.state).removeprefix("PLUGIN_STATE_")

    async def state_is(self, name: str, version: str, state: str) -> bool:
        """Whether it is so."""
        return await self.state(name, version) == state

    async def answers(self, number: int) -> bool:
        """Whether there is an answer, and it is that number."""
        try:
            return await self.answer() == number
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return False

    async def healthy(self, service: str = "") -> bool:
        """What the health service says."""
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await self._health.Check(request, timeout=BOUND_S)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """End it."""
        await self._channel.close()
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, BOUND_S)


async def until(condition: Callable[[], Awaitable[T]], what: str) -> T:
    """Ask again and again."""
    end = time.monotonic() + BOUND_S
    while not (value := await condition()):
        assert time.monotonic() < end, f"not within {BOUND_S:g} s: {what}"
        await asyncio.sleep(0.02)
    return value
