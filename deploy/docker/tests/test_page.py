"""What docs/deploy.md has an operator type on one machine, in its order, on a mesh of its own.

Rules: blocks are run as they stand but for the version that they name, by bash, in a folder for
what they write; `make images` gives the images that there are its tag. What takes PostgreSQL is
test_postgres.py's, what takes a registry test_registry.py's.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from edgemesh.compute.v1 import algorithm_pb2, algorithm_pb2_grpc, compute_pb2
from mesh import COMPOSE, EXECUTORS, ROOT, Mesh, wait_for
from page import STRICT, block

THIS = "deploy/docker/tests/test_page.py"
COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"
IMAGES = ("gateway", *EXECUTORS)
TAG = "0.2.0-of-tests"
"""In the place of the page's 0.2.0, which may be somebody's."""
PROGRAMS = """
docker-compose() {{ command {compose} "$@"; }}
make() {{
  [ "$*" = images ]
  for each in {images}; do docker tag "edgemesh-$each:latest" "edgemesh-$each:$EDGEMESH_TAG"; done
}}
"""


def config(folder: Path, *files: Path, **settings: str) -> dict[str, dict[str, object]]:
    """The services that Compose reads of the files."""
    done = subprocess.run(
        [*COMPOSE, "config"],
        cwd=folder,
        env={**os.environ, "COMPOSE_FILE": ":".join(map(str, files)), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def test_two_lines_bring_postgresql(tmp_path: Path) -> None:
    said = dict(line.split("=", 1) for line in block(THIS, "COMPOSE_PROFILES").splitlines())
    services = config(tmp_path, COMPOSE_FILE, **said)
    assert services["postgres"]["profiles"] == [said["COMPOSE_PROFILES"]]
    environment = services["gateway"]["environment"]
    assert isinstance(environment, dict)
    assert environment["EDGEMESH_GATEWAY_DATABASE"] == said["EDGEMESH_GATEWAY_DATABASE"]


def test_a_gpu_is_given_by_a_file_behind(tmp_path: Path) -> None:
    behind = tmp_path / "gpu.yaml"
    behind.write_text(block(THIS, "services:\n  ml:"))
    assert "nvidia" in str(config(tmp_path, COMPOSE_FILE, behind)["ml"]["deploy"])


@pytest.fixture(scope="module")
def operated() -> Iterator[Mesh]:
    """A mesh whose volumes may be removed."""
    with Mesh(os.environ["MODELS"], name="page") as mesh:
        yield mesh
        mesh.compose("down", "--volumes", "--timeout", "10")
        for name in IMAGES:
            mesh.engine.images.remove(f"edgemesh-{name}:{TAG}")


@pytest.mark.skipif(set(EXECUTORS) != {"cpp", "ml", "pywasm"}, reason="the page starts them all")
def test_backup_upgrade_and_restore(operated: Mesh, tmp_path: Path) -> None:
    programs = PROGRAMS.format(compose=" ".join(COMPOSE), images=" ".join(IMAGES))
    before = offered(operated)

    def type_in(text: str) -> None:
        operated.run(["bash", "-c", STRICT + programs + text.replace("0.2.0", TAG)], tmp_path)

    def serves(tag: str) -> None:
        for name in IMAGES:
            assert operated.container(name).attrs["Config"]["Image"] == f"edgemesh-{name}:{tag}"
            operated.wait_healthy(name)
        # Each plugin is one that an executor may be without, and healthy.
        wait_for(lambda: offered(operated) >= before, 60, "all is offered that was")
        request = compute_pb2.ComputeRequest(
            algorithm="python.run", parameters='{"code": "print(2+2)"}'
        )
        with operated.channel() as channel:
            assert operated.call(channel, request).stdout == "4\n"

    type_in(block(THIS, "docker-compose run --rm -T backup save > mesh.tar"))
    type_in(block(THIS, "docker-compose run --rm -T backup save > before.tar"))
    assert (tmp_path / "before.tar").stat().st_size > 0
    serves(TAG)
    type_in(block(THIS, "docker-compose up -d\n"))  # and back: the old tag
    serves("latest")
    operated.compose("down", "--volumes", "--timeout", "10")
    type_in(block(THIS, "docker-compose run --rm -T backup restore < mesh.tar"))
    type_in(block(THIS, "docker-compose up -d\n"))
    serves("latest")  # by the key that is in the database that was restored


def offered(mesh: Mesh) -> set[str]:
    """What the gateway has to offer, as name@version."""
    with mesh.channel() as channel:
        stub: Any = algorithm_pb2_grpc.AlgorithmServiceStub(channel)
        told = stub.ListAlgorithms(
            algorithm_pb2.ListAlgorithmsRequest(),
            timeout=30,
            metadata=[("authorization", f"Bearer {mesh.key}")],
        )
    algorithms = [offer.algorithm for offer in told.algorithms]
    return {f"{algorithm.name}@{algorithm.version}" for algorithm in algorithms}
