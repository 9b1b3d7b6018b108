"""What is in the images, and what is not."""

from __future__ import annotations

import docker
import pytest
from mesh import EXECUTORS

IMAGES = ("gateway", *EXECUTORS)


@pytest.mark.parametrize("name", IMAGES)
def test_image_says_what_it_is_and_carries_no_tools(name: str) -> None:
    client = docker.from_env()
    image = client.images.get(f"edgemesh-{name}")
    labels = image.labels
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert len(labels["org.opencontainers.image.revision"]) in (40, len("unknown"))
    assert image.attrs["Config"]["User"] == "65532:65532"
    assert image.attrs["Config"]["Entrypoint"][0] == "/usr/bin/tini"
    tools = "gcc g++ cc c++ cmake cargo rustc pip pip3 maturin node"
    found = client.containers.run(
        image, ["-c", f"command -v {tools}; true"], entrypoint="/bin/sh", remove=True
    )
    assert found == b""


@pytest.mark.parametrize("name", IMAGES)
def test_image_alone_refuses_to_be_open(name: str) -> None:
    client = docker.from_env()
    with pytest.raises(docker.errors.ContainerError) as refused:
        client.containers.run(f"edgemesh-{name}", remove=True, network_mode="none")
    said = refused.value.stderr.decode()
    assert "required, since 0.0.0.0 is not loopback" in said
    assert "Traceback" not in said
