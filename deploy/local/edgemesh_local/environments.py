"""Which environments there are: a service's each, and those of the parts that are no services."""

from __future__ import annotations

from pathlib import Path

from edgemesh_local.environment import Environment
from edgemesh_local.layout import Layout
from edgemesh_local.service import Service

SHARED = ("protos", "mesh_service")
"""Our own packages that every service stands on."""


def service_environment(service: Service) -> Environment:
    """The environment that a service runs in, and is tested in."""
    return Environment(
        folder=service.folder,
        test_lock="requirements-dev.lock",
        packages=(*SHARED, service.folder.name),
        imports=("grpc", "edgemesh.compute.v1.compute_pb2", "mesh_service", service.module),
    )


def mesh_service_environment(layout: Layout) -> Environment:
    """Where what all services share is tested by itself."""
    return Environment(
        folder=layout.root / "mesh_service",
        lock="requirements-dev.lock",
        packages=SHARED,
        imports=("mesh_service",),
    )


def tests_environment(layout: Layout) -> Environment:
    """Where tests and benches of the whole mesh run: a client's packages and the process manager,
    no service's."""
    return Environment(
        folder=layout.root / "tests",
        packages=("protos",),
        paths=("deploy/local",),
        imports=("grpc", "numpy", "pytest", "edgemesh_local.mesh"),
    )


def client_environment(layout: Layout) -> Environment:
    """Where the client is tested, and with what its users have beside it."""
    return Environment(
        folder=layout.root / "clients" / "python",
        lock="requirements-dev.lock",
        packages=("protos",),
        paths=("clients/python/src", "deploy/local"),
        imports=("edgemesh_client", "edgemesh_local.mesh"),
    )


def docs_environment(layout: Layout) -> Environment:
    """Where the site is built, and its blocks are run."""
    return Environment(
        folder=layout.root / "docs",
        packages=("protos",),
        paths=("docs", "clients/python/src", "deploy/local"),
        imports=("mkdocs", "edgemesh_client", "edgemesh_docs", "edgemesh_local.mesh"),
    )


def dashboard_environment(layout: Layout) -> Environment:
    """Where the dashboard runs and is tested: on the client and its stubs."""
    return Environment(
        folder=layout.root / "dashboard",
        test_lock="requirements-dev.lock",
        packages=("protos",),
        paths=("clients/python/src", "dashboard/src", "deploy/local"),
        imports=("edgemesh_client", "nicegui", "edgemesh_dashboard"),
    )


def containers_environment(layout: Layout) -> Environment:
    """Where the manager of containers is tested."""
    return Environment(
        folder=layout.root / "deploy" / "containers",
        lock="requirements-dev.lock",
        paths=("deploy/containers/src",),
        imports=("docker", "edgemesh_containers"),
    )


def beside(layout: Layout) -> list[Environment]:
    """Those of the parts that are no services, where a checkout has them: what tests and lints
    build beside the services."""
    known = (
        mesh_service_environment(layout),
        tests_environment(layout),
        client_environment(layout),
        docs_environment(layout),
        dashboard_environment(layout),
        containers_environment(layout),
        local_environment(layout),
    )
    return [each for each in known if (each.folder / each.lock).exists()]


def local_environment(layout: Layout) -> Environment:
    """Where this package itself is tested."""
    return Environment(folder=layout.local, paths=("deploy/local",), imports=("pytest",))


def interpreter(folder: Path) -> Path:
    """The interpreter of the environment in `folder`."""
    return folder / ".venv" / "bin" / "python"
