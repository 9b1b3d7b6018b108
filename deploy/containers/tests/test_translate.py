"""What engines say, word for word, and what is made of it."""

from __future__ import annotations

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from edgemesh_containers import errors
from edgemesh_containers.translate import of, translated

PORT = (
    "driver failed programming external connectivity on endpoint fleet-cpp-1 (7d3f): "
    "Bind for 127.0.0.1:50100 failed: port is already allocated"
)
LISTEN = (
    "driver failed programming external connectivity on endpoint fleet-cpp-1 (7d3f): "
    "Error starting userland proxy: listen tcp4 127.0.0.1:50100: bind: address already in use"
)
NEWER_PORT = "failed to set up container networking: failed to bind host port 127.0.0.1:50100/tcp"
NAME = (
    'Conflict. The container name "/fleet-cpp-1" is already in use by container "6f1c". '
    "You have to remove (or rename) that container to be able to reuse that name."
)
SUBNETS = "could not find an available, non-overlapping IPv4 address pool among the defaults"
NEWER_SUBNETS = "all predefined address pools have been fully subnetted"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (PORT, errors.PortInUse("127.0.0.1:50100")),
        (LISTEN, errors.PortInUse("127.0.0.1:50100")),
        (NEWER_PORT, errors.PortInUse("127.0.0.1:50100")),
        (NAME, errors.NameInUse("fleet-cpp-1")),
        (
            "failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime "
            "error (open log.json: no such file or directory): fork/exec /opt/youki: no such file "
            "or directory: unknown",
            errors.RuntimeBroken("/opt/youki", "no such file or directory"),
        ),
        ("Unknown runtime specified youki", errors.RuntimeUnknown("youki", ())),
        ("unknown or invalid runtime name: youki", errors.RuntimeUnknown("youki", ())),
        (SUBNETS, errors.NetworksExhausted("fleet-cpp")),
        (NEWER_SUBNETS, errors.NetworksExhausted("fleet-cpp")),
        (
            'invalid mount config for type "bind": bind source path does not exist: /srv/models',
            errors.SourceMissing("/srv/models", "its place"),
        ),
        ("no space left\n on device", errors.EngineRefused("make it", "no space left on device")),
    ],
)
def test_refusals(said: str, expected: errors.ContainersError) -> None:
    found = of("make it", said, "fleet-cpp")
    assert (type(found), str(found)) == (type(expected), str(expected))


def test_engines_errors_become_ours() -> None:
    with pytest.raises(errors.NameInUse), translated("make it"):
        raise APIError("409 Client Error", explanation=NAME)
    with pytest.raises(errors.ImageMissing, match="make images"), translated("x", image="mine"):
        raise ImageNotFound("404 Client Error", explanation="No such image: mine")


def test_who_does_not_answer_is_named_with_the_innermost_reason() -> None:
    def fail() -> None:
        try:
            raise FileNotFoundError(2, "No such file or directory")
        except FileNotFoundError as error:
            raise requests.exceptions.ConnectionError("('Connection aborted.', …)") from error

    with pytest.raises(errors.EngineAbsent) as absent, translated("x", url="unix:///nowhere"):
        fail()
    assert str(absent.value) == (
        "no engine answers at unix:///nowhere: No such file or directory; start it, "
        "or set DOCKER_HOST"
    )
    with pytest.raises(errors.EngineAbsent, match="bad host"), translated("x", url="nowhere"):
        raise DockerException("bad host")
