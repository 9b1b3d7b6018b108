"""The tests of the whole mesh and the demo, on the mesh in containers.

Rules: they run in their own environment, as they do on a mesh of processes; what they need of
those (a pid, metrics, an executor past the gateway) leaves a test out: tests/support/elsewhere.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

import pytest
from mesh import EXECUTORS, ROOT, Mesh

PYTHON = ROOT / "tests" / ".venv" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="make test was not run here")


def run(mesh: Mesh, arguments: Sequence[str], folder: str) -> str:
    """What it printed. Raises AssertionError with it where it failed."""
    gateway = f"127.0.0.1:{mesh.ports['GRPC']}"
    env = {
        **os.environ,
        "EDGEMESH_TESTS_AT": gateway,
        "EDGEMESH_TESTS_KEY": mesh.key,
        "EDGEMESH_API_KEY": mesh.key,
        "EXECUTORS": ",".join(EXECUTORS),
    }
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(PYTHON), *(word.replace("{gateway}", gateway) for word in arguments)],
        cwd=ROOT / folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(set(EXECUTORS) != {"cpp", "ml", "pywasm"}, reason="it calls them all")
def test_demo(mesh: Mesh) -> None:
    print(run(mesh, ["demo/run.py", "{gateway}"], "."))


@pytest.mark.timeout(1500)
def test_tests_of_the_whole_mesh(mesh: Mesh) -> None:
    said = run(mesh, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "e2e"], "tests")
    print(said[-2000:])
