"""What the engine is asked for: the walls of deploy/compose.yaml, whatever is specified."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_spec import specs

from edgemesh_containers import arguments
from edgemesh_containers.kinds import KINDS
from edgemesh_containers.spec import Spec

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())


def asked(spec: Spec, number: int = 1) -> dict[str, Any]:
    group = spec.group("fleet")
    return arguments.container(spec, group, number, group.container(number), aliased=True)


def size(text: str) -> int:
    """Of `4g`, or of the default in `${NAME:-4g}`."""
    found = re.search(r"(\d+)([mg])", text)
    assert found is not None
    return int(found[1]) << {"m": 20, "g": 30}[found[2]]


@given(specs(), st.integers(1, 64), st.booleans())
def test_walls_stand_whatever_is_asked_for(spec: Spec, number: int, rehearsed: bool) -> None:
    group = spec.group("fleet")
    name = group.following(number)
    made = (
        arguments.rehearsal(spec, group, number, name)
        if rehearsed
        else arguments.container(spec, group, number, name, aliased=False)
    )
    host = made["host_config"]
    assert made["user"] == "65532:65532"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "CapAdd" not in host
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host.get("Privileged")
    assert host["NetworkMode"] == group.network
    assert list(made["networking_config"]["EndpointsConfig"]) == [group.network]
    assert not host.get("Binds")
    assert not host.get("Devices")
    assert {host.get(kind) for kind in ("PidMode", "IpcMode", "UsernsMode", "UTSMode")} == {None}
    assert host["PidsLimit"] == spec.pids
    assert host["Memory"] == spec.memory_bytes
    assert host["Runtime"] == spec.runtime
    assert "noexec,nosuid,nodev" in host["Tmpfs"]["/tmp"]
    written = [m["Target"] for m in host["Mounts"] if not m["ReadOnly"]]
    assert written == ([] if rehearsed else ["/var/lib/edgemesh"])
    assert bool(host.get("PortBindings")) == (bool(spec.publish) and not rehearsed)
    assert made["use_config_proxy"] is False


@pytest.mark.parametrize("executor", KINDS)
def test_as_compose_has_it(executor: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][executor]
    made = asked(Spec(executor=executor))
    host = made["host_config"]
    assert made["user"] == service["user"]
    assert host["ReadonlyRootfs"] == service["read_only"]
    assert host["CapDrop"] == service["cap_drop"]
    assert host["SecurityOpt"] == service["security_opt"]
    assert f"{made['stop_timeout']}s" == service["stop_grace_period"]
    assert host["RestartPolicy"]["Name"] == service["restart"]
    assert service["runtime"].endswith(f":-{host['Runtime']}}}")
    log = service["logging"]
    assert host["LogConfig"] == {"Type": log["driver"], "Config": log["options"]}
    (tmpfs,) = service["tmpfs"]
    path, _, options = tmpfs.partition(":")
    given, _, limit = host["Tmpfs"][path].rpartition(",size=")
    assert (given, int(limit)) == (options.rpartition(",size=")[0], size(options))
    assert host["ShmSize"] == size(service["shm_size"])
    assert host["Memory"] == size(service["mem_limit"])
    assert host["NanoCpus"] == 2e9
    assert service["cpus"].endswith(":-2}")
    assert host["PidsLimit"] == service["pids_limit"]
    # What compose takes from its own environment is what it is by default.
    told = {name: default(value) for name, value in service["environment"].items() if value}
    assert made["environment"] == [f"{name}={value}" for name, value in told.items()]


def default(value: str) -> str:
    """What `${NAME:-value}` is where there is no NAME."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_network_is_as_closed_as_composes() -> None:
    made = arguments.network(Spec(executor="cpp"), Spec(executor="cpp").group("fleet"))
    closed = COMPOSE["networks"]["cpp"]
    assert made["internal"] is closed["internal"] is True
    assert made["options"] == closed["driver_opts"]


def test_published_replicas_have_no_way_out_either() -> None:
    spec = Spec(executor="cpp", publish="127.0.0.1:50100")
    made = arguments.network(spec, spec.group("fleet"))
    assert made["internal"] is False, "nothing could be published"
    assert made["options"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    bindings = asked(spec, 2)["host_config"]["PortBindings"]
    assert bindings == {"50061/tcp": [{"HostIp": "127.0.0.1", "HostPort": "50101"}]}


def test_what_is_mounted() -> None:
    mounts = {"/plugins": "edgemesh_plugins", "/more": "/srv/more"}
    made = asked(Spec(executor="cpp", tenant="acme", mounts=mounts), 3)
    found = {m["Target"]: (m["Type"], m["Source"]) for m in made["host_config"]["Mounts"]}
    assert found == {
        "/etc/edgemesh": ("volume", "edgemesh_secrets"),
        "/plugins": ("volume", "edgemesh_plugins"),
        "/more": ("bind", "/srv/more"),
        "/var/lib/edgemesh": ("volume", "fleet-cpp-acme-3"),
    }


def test_rehearsal_is_not_found_by_anybody_and_keeps_nothing() -> None:
    spec = Spec(executor="pywasm")
    made = arguments.rehearsal(spec, spec.group("fleet"), 1, "fleet-pywasm-1-next")
    endpoint = made["networking_config"]["EndpointsConfig"]["fleet-pywasm"]
    assert not endpoint.get("Aliases")
    assert made["host_config"]["RestartPolicy"]["Name"] == "no"
    assert "/var/lib/edgemesh" in made["host_config"]["Tmpfs"]


def test_replica_is_found_by_its_alias() -> None:
    endpoint = asked(Spec(executor="cpp"), 2)["networking_config"]["EndpointsConfig"]["fleet-cpp"]
    assert endpoint["Aliases"] == ["cpp-2"]
