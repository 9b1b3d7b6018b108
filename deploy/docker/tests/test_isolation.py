"""What a service could reach and do that was taken over, tried from inside each container, by each
runtime."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mesh import EXECUTORS, Mesh, table

PORTS = {"cpp": 50061, "ml": 50062, "pywasm": 50063}
INSIDE = (Path(__file__).parent / "inside.py").read_text()
NONE = "0" * 16


def addresses(mesh: Mesh, service: str) -> list[str]:
    networks = mesh.container(service).attrs["NetworkSettings"]["Networks"]
    return [each["IPAddress"] for each in networks.values()]


def own_addresses() -> list[str]:
    """This machine's, those of the engine's bridges among them."""
    said = subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, check=True).stdout
    return [
        info["local"]
        for link in json.loads(said)
        for info in link["addr_info"]
        if not info["local"].startswith("127.")
    ]


def gateways(mesh: Mesh, service: str) -> list[str]:
    """The addresses that the engine keeps for this machine on a service's networks."""
    networks = mesh.container(service).attrs["NetworkSettings"]["Networks"]
    return [
        config["Gateway"]
        for name in networks
        for config in mesh.engine.networks.get(name).attrs["IPAM"]["Config"]
        if config.get("Gateway")
    ]


def tried(mesh: Mesh, service: str, targets: dict[str, tuple[str, int]]) -> dict[str, Any]:
    return json.loads(mesh.inside(service, "python", "-Ic", INSIDE, json.dumps(targets)))


@pytest.fixture(scope="module")
def found(by_runtime: Mesh) -> dict[str, dict[str, Any]]:
    """Service → what is so inside it; printed as a table."""
    mesh = by_runtime
    result: dict[str, dict[str, Any]] = {}
    with socket.create_server(("0.0.0.0", 0), backlog=64) as here:
        port = here.getsockname()[1]
        for service in ("gateway", *EXECUTORS):
            targets: dict[str, tuple[str, int]] = {"outside": ("1.1.1.1", 53)}
            for host in {*own_addresses(), *gateways(mesh, service)}:
                targets[f"machine {host}"] = (host, port)
            for other in EXECUTORS:
                if other != service:
                    for host in (other, *addresses(mesh, other)):
                        targets[f"{other} {host}"] = (host, PORTS[other])
            for host in ("gateway", *addresses(mesh, "gateway")):
                targets[f"gateway {host}"] = (host, 50051)
            result[service] = tried(mesh, service, targets)
    rows = [
        [
            mesh.runtime,
            service,
            ", ".join(dict.fromkeys(name.split()[0] for name in one["reached"])) or "-",
            ", ".join(one["written"]) or "-",
            str(one["uid"]),
            "none" if set(one["capabilities"]) == {NONE} else " ".join(one["capabilities"]),
            {"2": "filter"}.get(one["seccomp"], one["seccomp"]),
            one["no_new_privileges"],
        ]
        for service, one in result.items()
    ]
    head = [
        "runtime",
        "inside",
        "reaches",
        "writes",
        "uid",
        "capabilities",
        "seccomp",
        "no new privileges",
    ]
    print("\n" + table(head, rows))
    return result


def test_what_is_tried_can_be_reached_from_elsewhere(found: dict[str, dict[str, Any]]) -> None:
    """That an executor does not reach it says something only then."""
    reached = {name.split()[0] for name in found["gateway"]["reached"]}
    assert reached >= {"machine", "gateway", *EXECUTORS}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors_reach_the_gateway_and_nothing_else(
    found: dict[str, dict[str, Any]], executor: str
) -> None:
    reached = found[executor]["reached"]
    assert "gateway gateway" in reached
    assert all(name.startswith("gateway ") for name in reached), reached


@pytest.mark.parametrize("service", ["gateway", *EXECUTORS])
def test_nothing_is_privileged_or_may_write(found: dict[str, dict[str, Any]], service: str) -> None:
    one = found[service]
    assert one["uid"] == 65532
    assert set(one["capabilities"]) == {NONE}
    assert (one["seccomp"], one["no_new_privileges"]) == ("2", "1")
    # /dev is a tmpfs of the engine's, which root alone may write.
    assert one["written"] == ["/tmp"]


@pytest.mark.parametrize("service", ["gateway", *EXECUTORS])
def test_no_secret_is_in_an_environment(by_runtime: Mesh, service: str) -> None:
    mesh = by_runtime
    environment = mesh.container(service).attrs["Config"]["Env"]
    assert not [each for each in environment if "SECRET" in each.upper()]
    secret = mesh.inside("gateway", "cat", "/etc/edgemesh/mesh.toml").split('"')[1]
    assert len(secret) == 64
    assert secret not in json.dumps(mesh.container(service).attrs)
    assert secret not in mesh.container(service).logs().decode()
