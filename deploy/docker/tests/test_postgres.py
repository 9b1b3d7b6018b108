"""docs/deploy.md, PostgreSQL's dump: saved and restored beside the backup, by the page's blocks.

Rules: blocks are run as they stand, in their order. PostgreSQL is Debian's, in an image that stands
in for its own (postgres/): what compose.yaml asks of that one holds for this one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgemesh.compute.v1 import compute_pb2
from mesh import COMPOSE, EXECUTORS, Mesh, make_image
from page import STRICT, block

THIS, PAGE = (f"deploy/docker/tests/test_{name}.py" for name in ("postgres", "page"))
IMAGE, OWN = "edgemesh-tests-postgres:latest", Path(__file__).with_name("postgres")
PROGRAMS = f'docker-compose() {{ command {" ".join(COMPOSE)} "$@"; }}\n'

pytestmark = pytest.mark.skipif("pywasm" not in EXECUTORS, reason="it keeps the session")


@pytest.fixture
def kept() -> Iterator[Mesh]:
    """A mesh whose gateway keeps all in PostgreSQL."""
    make_image(OWN, IMAGE)
    said = dict(line.split("=", 1) for line in block(PAGE, "COMPOSE_PROFILES").splitlines())
    with Mesh(
        os.environ["MODELS"],
        name="postgres",
        services=("postgres", "gateway", "pywasm"),
        settings=said | {"EDGEMESH_POSTGRES_IMAGE": IMAGE},
    ) as mesh:
        yield mesh


def test_what_was_dumped_is_there_again(kept: Mesh, tmp_path: Path) -> None:
    def type_in(text: str) -> None:
        kept.run(["bash", "-c", STRICT + PROGRAMS + text], tmp_path)

    def value(code: str) -> object:
        request = compute_pb2.ComputeRequest(
            algorithm="python.run", parameters=json.dumps({"code": code}), session_id="kept"
        )
        with kept.channel() as channel:
            return json.loads(kept.call(channel, request).result or "null")

    assert value("x = [1]\nx") == [1]
    type_in(block(PAGE, "docker-compose run --rm -T backup save"))
    type_in(block(THIS, "docker-compose exec -T postgres pg_dump"))
    kept.compose("down", "--volumes", "--timeout", "10")
    type_in(block(PAGE, "docker-compose run --rm -T backup restore"))
    type_in(block(THIS, "docker-compose up -d postgres"))
    kept.start()
    assert value("x") == [1], "the key is in the database that was restored"
