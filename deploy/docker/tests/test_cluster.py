"""docs/deploy.md, a cluster: the page's blocks, on a node of Kubernetes where the mesh runs.

Rules: blocks are run as they stand, in their order, but for the password that the page leaves out;
pods ask for less than the chart's own values, so that they fit into the tests' machine. PostgreSQL
is Debian's, under the page's name.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh import EXECUTORS, ROOT, make_image
from node import OWN, PROGRAMS, Node
from page import block
from test_postgres import IMAGE
from test_postgres import OWN as POSTGRES

THIS = "deploy/docker/tests/test_cluster.py"
SERVICES = ("gateway", *EXECUTORS)
PASSWORD = "of-tests"
"""As in node/objects.yaml."""
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
HELM = f"""
helm() {{
  [ "$1" != upgrade ] || set -- "$@" --timeout 150s --values {OWN / "values.yaml"}
  command helm "$@"
}}
"""

pytestmark = [
    pytest.mark.skipif(
        set(EXECUTORS) != {"cpp", "ml", "pywasm"}, reason="the page starts them all"
    ),
    pytest.mark.skipif(
        bool(MISSING) and "CI" not in os.environ, reason=f"not here: {', '.join(MISSING)}"
    ),
]


@pytest.fixture
def node() -> Iterator[Node]:
    """It has the images by the names that the page gives them, and a PostgreSQL."""
    make_image(POSTGRES, IMAGE)
    images = {
        f"registry.example/mesh/edgemesh-{each}:{tag}": f"edgemesh-{each}:latest"
        for each in SERVICES
        for tag in ("0.1.0", "0.2.0")
    }
    folder = Path(tempfile.mkdtemp())
    with Node(folder, {**images, "docker.io/library/postgres:of-tests": IMAGE}) as node:
        objects = (OWN / "objects.yaml").read_text().replace("FOLDER", str(folder))
        (folder / "objects.yaml").write_text(objects)
        node.run(f"kubectl apply -f {folder}/objects.yaml")
        node.run("kubectl wait --for=condition=Ready pod/postgres --timeout=60s")
        yield node


def test_the_way_into_a_cluster_and_on(node: Node, tmp_path: Path) -> None:
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")

    def type_in(text: str) -> str:
        return node.run(HELM + text.replace("…", PASSWORD), tmp_path)

    def images() -> set[str]:
        found = json.loads(node.run("kubectl -n mesh get pods -o json"))["items"]
        assert all(pod["status"]["phase"] == "Running" for pod in found)
        return {each["image"] for pod in found for each in pod["spec"]["containers"]}

    type_in(block(THIS, "kubectl create namespace mesh"))
    node.run("kubectl label namespace mesh pod-security.kubernetes.io/enforce=restricted")
    key = type_in(block(THIS, "helm upgrade --install")).split()[-1]
    assert images() == {f"registry.example/mesh/edgemesh-{each}:0.1.0" for each in SERVICES}
    gateway = node.run("kubectl -n mesh get service mesh-gateway -o jsonpath={.spec.clusterIP}")

    def value(code: str, **more: object) -> object:
        """What a program comes to, by REST."""
        body = json.dumps({"code": code, "options": more})
        (tmp_path / "body").write_text(body)
        answer = node.run(
            f"curl --silent --show-error --max-time 60 http://{gateway}:8080/api/v1/python/run"
            f" -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d @body",
            tmp_path,
        )
        assert json.loads(answer).get("outcome") == "OK", answer
        return json.loads(answer)["result"]

    assert value("x = 41\nx", session_id="kept") == 41
    calls = "import edgemesh, numpy as np\nedgemesh.call('cpp.fft', x=np.ones(4))['y'].real.sum()"
    assert value(calls, capabilities=["call:cpp.fft"]) == 4.0

    upgrade = block(THIS, "helm upgrade mesh")
    forth, _, back = upgrade.partition("helm rollback")
    type_in(forth)
    assert images() == {f"registry.example/mesh/edgemesh-{each}:0.2.0" for each in SERVICES}
    assert value("x + 1", session_id="kept") == 42, "its volume and the database were there before"
    type_in(f"helm rollback{back}")
    assert images() == {f"registry.example/mesh/edgemesh-{each}:0.1.0" for each in SERVICES}
    assert value("x + 1", session_id="kept") == 42
