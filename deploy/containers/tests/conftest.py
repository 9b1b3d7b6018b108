"""An engine, where one answers, and images that behave as executors' do.

Rules: a fleet of its own for each test, of which nothing is left; what the engine has besides is
not touched. Without an engine, or without the base image, these tests are skipped and say so.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container
from hypothesis import HealthCheck, settings

from edgemesh_containers import DockerEngine, Health, Manager, Spec

# Other work on the machine is not this one's fault.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

BASE = os.environ.get("EDGEMESH_BASE", "debian:bookworm-slim")
MEMORY = 64 << 20
PORT = 50061
SECRETS = "edgemesh-tests-secrets"
SERVER = (Path(__file__).parent / "server.pl").read_bytes()
DOCKERFILE = """
FROM {base}
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/edgemesh
COPY server.pl /
HEALTHCHECK --interval=1s --timeout=5s --retries=3 CMD ["test", "-e", "/tmp/ready"]
ENTRYPOINT ["perl", "/server.pl"]
ENV VERSION={version}
"""


@dataclass
class House:
    """A fleet that a test has for itself."""

    client: docker.DockerClient
    fleet: str

    def manager(self, *, healthy_s: float = 120.0) -> Manager:
        engine = DockerEngine()
        health = Health(engine, healthy_s)
        return Manager(engine, self.fleet, health=health, overcommit=True)

    def spec(self, version: str = "old", **fields: object) -> Spec:
        given: dict[str, object] = {
            "executor": "cpp",
            "image": f"edgemesh-tests:{version}",
            "memory_bytes": MEMORY,
            "cpus": 1,
            "secrets": SECRETS,
        }
        return Spec(**(given | fields))  # pyright: ignore[reportArgumentType]

    def gateway(self) -> Container:
        """A container that stands where the gateway does."""
        name = f"{self.fleet}-gateway"
        return self.client.containers.run(
            "edgemesh-tests:old", name=name, detach=True, labels={"edgemesh.tests": self.fleet}
        )

    def close(self) -> None:
        labels = [f"edgemesh.fleet={self.fleet}", f"edgemesh.tests={self.fleet}"]
        for label in labels:
            for each in self.client.containers.list(all=True, filters={"label": label}):
                each.remove(force=True, v=True)
        for label in labels:
            for network in self.client.networks.list(filters={"label": label}):
                network.remove()
            for volume in self.client.volumes.list(filters={"label": label}):
                volume.remove()


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    if not os.environ.get("DOCKER_HOST"):
        pytest.skip("DOCKER_HOST names no engine")
    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except DockerException as error:
        pytest.skip(f"no engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(client: docker.DockerClient) -> Iterator[None]:
    """old and new serve; ends and locks do what their names say; secrets lie in a volume."""
    try:
        client.images.get(BASE)
    except ImageNotFound:
        pytest.skip(f"the engine has no {BASE}")
    for version in ("old", "new", "ends", "locks-old", "locks-new"):
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            _add(archive, "Dockerfile", DOCKERFILE.format(base=BASE, version=version).encode())
            _add(archive, "server.pl", SERVER)
        context.seek(0)
        client.images.build(
            fileobj=context, custom_context=True, tag=f"edgemesh-tests:{version}", rm=True
        )
    secrets = client.volumes.create(SECRETS)
    yield
    secrets.remove()


@pytest.fixture
def house(
    client: docker.DockerClient, images: None, request: pytest.FixtureRequest
) -> Iterator[House]:
    number = request.session.items.index(request.node)
    house = House(client, f"t{os.getpid()}x{number}")
    try:
        yield house
    finally:
        house.close()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
