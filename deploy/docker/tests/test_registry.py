"""docs/deploy.md, the images into a registry: its block, and a registry that has the page's name.

Rules: the registry is Debian's, on a loopback address, where the engine asks for no certificate.
Who has the name is told to the engine alone, in its own view of mounts (engine.sh): nothing of this
machine changes. What is pushed are the images under test: `make images` finds them made.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from mesh import EXECUTORS, ROOT, wait_for
from page import STRICT, block

IMAGES = ("gateway", *EXECUTORS)
NAME, ADDRESS = "registry.example", "127.0.0.2"
THIS = "deploy/docker/tests/test_registry.py"
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/kept}}}}
http: {{addr: "{address}:80"}}
"""
# Not installed: the package's service would be started, where this machine starts services.
FETCH = """\
apt-get -q download docker-registry || { apt-get -q update && apt-get -q download docker-registry; }
dpkg-deb --extract docker-registry_*.deb .
"""


@pytest.fixture
def registry() -> Iterator[None]:
    """It listens, and the engine knows it by its name."""
    pid = Path(os.environ["DOCKER_HOST"].removeprefix("unix://")).with_name("pid")
    if not pid.is_file():
        pytest.skip("another engine than engine.sh's cannot be told who has the name")
    engine = ["nsenter", f"--target={pid.read_text().strip()}", "--mount"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = subprocess.run(
            ["bash", "-euc", FETCH], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        hosts, config = folder / "hosts", folder / "config.yml"
        hosts.write_text(f"{Path('/etc/hosts').read_text()}\n{ADDRESS} {NAME}\n")
        config.write_text(CONFIG.format(folder=folder, address=ADDRESS))
        subprocess.run([*engine, "mount", "--bind", hosts, "/etc/hosts"], check=True)
        with (folder / "said").open("w+") as said:
            process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(folder / "usr/bin/docker-registry", "serve", config),
                ],
                stdout=said,
                stderr=said,
            )
            try:
                wait_for(lambda: process.poll() is not None or _known(), 30, "it is reached")
                assert process.poll() is None, Path(said.name).read_text()
                yield
            finally:
                process.terminate()
                process.wait()
                subprocess.run([*engine, "umount", "/etc/hosts"], check=True)


def _known() -> bool:
    """Whether the engine reaches it by its name."""
    try:
        docker.from_env().images.get_registry_data(f"{NAME}/nothing")
    except NotFound:
        return True
    except APIError:
        pass
    return False


@pytest.mark.skipif(set(EXECUTORS) != {"cpp", "ml", "pywasm"}, reason="the page pushes them all")
@pytest.mark.skipif("SKIP_BUILD" in os.environ, reason="the page builds them")
@pytest.mark.usefixtures("registry")
def test_a_cluster_finds_the_images_in_the_registry() -> None:
    done = subprocess.run(
        ["bash", "-c", STRICT + block(THIS, "make images")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    images = docker.from_env().images
    pushed = {each: f"{NAME}/mesh/edgemesh-{each}:0.1.0" for each in IMAGES}
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        for each, name in pushed.items():
            images.remove(name)
            assert images.pull(name).id == images.get(f"edgemesh-{each}:latest").id
    finally:
        here = {tag for image in images.list() for tag in image.tags}
        for name in here.intersection(pushed.values()):
            images.remove(name)
