"""The mesh's own images: a gateway finds what the manager has placed, while it is replaced, too."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import House
from docker.errors import ImageNotFound
from docker.models.containers import Container

from edgemesh_containers import executors

# The time is for what hangs: an engine on a busy machine takes minutes.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

GATEWAY, EXECUTOR = "edgemesh-gateway:latest", "edgemesh-pywasm:latest"
MAKE_SECRET = """
import pathlib, secrets
pathlib.Path("/etc/edgemesh/mesh.toml").write_text(f'secret = "{secrets.token_hex(32)}"')
"""
MEMORY = 2 << 30
ANSWERED_S = 120.0


@dataclass
class Mesh:
    """A gateway in a container, and how it is called."""

    house: House
    secrets: str
    gateway: Container
    key: str
    url: str
    refused: list[str] = field(default_factory=list[str])
    answers: int = 0

    def call(self) -> None:
        """A program, through REST: an answer, or why there is none."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/python/run",
            data=json.dumps({"code": "print(2 + 2)"}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                assert json.load(response)["stdout"] == "4\n"
            self.answers += 1
        except urllib.error.HTTPError as error:
            self.refused.append(error.read().decode())
        except OSError as error:
            self.refused.append(str(error))

    def wait_answered(self) -> None:
        """Until a call is answered."""
        before, end = self.answers, time.monotonic() + ANSWERED_S
        while self.answers == before:
            assert time.monotonic() < end, self.refused[-1]
            self.call()


@pytest.fixture
def mesh(house: House) -> Mesh:
    for image in (GATEWAY, EXECUTOR):
        try:
            house.client.images.get(image)
        except ImageNotFound:
            pytest.skip(f"the engine has no {image}")
    labels = {"edgemesh.tests": house.fleet}
    secrets = f"{house.fleet}-secrets"
    house.client.volumes.create(secrets, labels=labels)
    client: Any = house.client
    mounted = {secrets: {"bind": "/etc/edgemesh", "mode": "rw"}}
    client.containers.run(
        GATEWAY, ["-Ic", MAKE_SECRET], entrypoint="python", volumes=mounted, remove=True
    )
    table = {"pywasm": ["pywasm-1:50063", "pywasm-2:50063"]}
    gateway: Container = client.containers.run(
        GATEWAY,
        name=f"{house.fleet}-gateway",
        detach=True,
        labels=labels,
        volumes=mounted,
        ports={"8080/tcp": ("127.0.0.1", None)},
        environment={
            "EDGEMESH_GATEWAY_CONFIG": "/etc/edgemesh/mesh.toml",
            "EDGEMESH_GATEWAY_IDENTITY": "required",
            "EDGEMESH_GATEWAY_EXECUTORS": json.dumps(table),
        },
    )
    made: Any = gateway.exec_run(
        ["edgemesh-gateway", "keys", "create", "--tenant", "tests"], demux=True
    )
    assert made.exit_code == 0, made.output
    gateway.reload()
    (bound,) = gateway.attrs["NetworkSettings"]["Ports"]["8080/tcp"]
    key = made.output[0].decode().strip()
    return Mesh(house, secrets, gateway, key, f"http://127.0.0.1:{bound['HostPort']}")


def test_calls_go_on_while_replicas_are_replaced(mesh: Mesh) -> None:
    house, name = mesh.house, mesh.gateway.name
    spec = house.spec(
        executor="pywasm", image=EXECUTOR, gateway=name, secrets=mesh.secrets, memory_bytes=MEMORY
    )
    with house.manager() as manager:
        placements = manager.up(spec, 2)
        assert executors(placements) == {"pywasm": ["pywasm-1:50063", "pywasm-2:50063"]}
        mesh.wait_answered()
        stop = threading.Event()

        def calls() -> None:
            while not stop.is_set():
                mesh.call()

        mesh.refused.clear()
        threads = [threading.Thread(target=calls) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            after = manager.replace(spec)
            mesh.wait_answered()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    print(f"{mesh.answers} answers while both replicas were replaced; refused: {mesh.refused}")
    assert {p.id for p in after}.isdisjoint(p.id for p in placements)
    assert not mesh.refused
