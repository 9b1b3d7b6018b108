"""A specification → what the engine is asked for.

Rules: pure; the same walls as `x-hardened` in `deploy/compose.yaml`, which a test holds it to.
Nothing has privileges, a root that it may write, or a secret in its environment.
"""

from __future__ import annotations

from typing import Any

from docker.types import EndpointConfig, HostConfig, LogConfig, Mount

from edgemesh_containers.names import GATEWAY_ALIAS, LABEL_NUMBER, LABEL_SPEC, Group
from edgemesh_containers.spec import SECRETS_AT, STATE_AT, Spec

API = "1.41"
"""The engine's interface that is spoken: that of version 20.10."""
USER = "65532:65532"
STOP_S = 40
"""How long a container may take to finish what it runs; its service takes 30 s at most."""
REHEARSAL_STATE_BYTES = 1 << 30
_TMPFS = "rw,noexec,nosuid,nodev"


def container(spec: Spec, group: Group, number: int, name: str, *, aliased: bool) -> dict[str, Any]:
    """Arguments of docker's `create_container` for one that serves, or is to.

    `aliased`: whether the gateway finds it by its alias from the start.
    """
    return _container(spec, group, number, name, aliased=aliased, rehearsal=False)


def rehearsal(spec: Spec, group: Group, number: int, name: str) -> dict[str, Any]:
    """The same for one that only shows whether it would serve: what it keeps is gone with it, it is
    published nowhere, and is not started again.
    """
    return _container(spec, group, number, name, aliased=False, rehearsal=True)


def network(spec: Spec, group: Group) -> dict[str, Any]:
    """Arguments of docker's `create_network`: without a way out, and without an address of this
    machine that could be reached; where replicas are published, with both walls lower: the machine
    can reach them, and they it, and packets that leave it have no way back.
    """
    options = (
        {"com.docker.network.bridge.enable_ip_masquerade": "false"}
        if spec.publish
        else {"com.docker.network.bridge.inhibit_ipv4": "true"}
    )
    return {
        "name": group.network,
        "driver": "bridge",
        "internal": not spec.publish,
        "options": options,
        "labels": group.labels(),
        "check_duplicate": True,
    }


def aliases(group: Group, number: int) -> list[str]:
    """What a replica that serves is called in its network."""
    return [group.alias(number)]


def gateway_aliases() -> list[str]:
    """What the gateway is called there."""
    return [GATEWAY_ALIAS]


def environment(spec: Spec) -> dict[str, str]:
    """What the executor is told; the specification's own word is the last."""
    config = f"EDGEMESH_{spec.executor.upper()}_CONFIG"
    return {config: f"{SECRETS_AT}/mesh.toml", **spec.kind.environment, **spec.environment}


def _container(
    spec: Spec, group: Group, number: int, name: str, *, aliased: bool, rehearsal: bool
) -> dict[str, Any]:
    endpoint = EndpointConfig(API, aliases=aliases(group, number) if aliased else None)
    published = None if rehearsal else spec.published(number)
    tmpfs = {"/tmp": f"{_TMPFS},size={spec.tmp_bytes}"}  # noqa: S108
    mounts = [_mount(SECRETS_AT, spec.secrets)]
    mounts += [_mount(target, source) for target, source in spec.mounts.items()]
    if rehearsal:
        tmpfs[STATE_AT] = (
            f"rw,nosuid,nodev,size={REHEARSAL_STATE_BYTES},uid=65532,gid=65532,mode=0700"
        )
    else:
        mounts.append(Mount(STATE_AT, group.volume(number), type="volume"))
    host = HostConfig(
        version=API,
        runtime=spec.runtime,
        network_mode=group.network,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        tmpfs=tmpfs,
        mounts=mounts,
        mem_limit=spec.memory_bytes,
        nano_cpus=round(spec.cpus * 1e9),
        pids_limit=spec.pids,
        shm_size=spec.shm_bytes,
        restart_policy={"Name": "no" if rehearsal else "unless-stopped"},
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        port_bindings={spec.port: published} if published else None,
    )
    return {
        "image": spec.image,
        "name": name,
        "user": USER,
        "environment": [f"{name}={value}" for name, value in environment(spec).items()],
        "labels": {
            **group.labels(),
            LABEL_NUMBER: str(number),
            LABEL_SPEC: spec.to_json(),
        },
        "host_config": host,
        "networking_config": {"EndpointsConfig": {group.network: endpoint}},
        "ports": [spec.port] if published else None,
        "stop_timeout": STOP_S,
        # Whatever the engine's clients are configured with is not the executor's business.
        "use_config_proxy": False,
    }


def _mount(target: str, source: str) -> Mount:
    kind = "bind" if source.startswith("/") else "volume"
    return Mount(target, source, type=kind, read_only=True)
