"""A checkout: whether what builds it is there, and the ports that its mesh will bind.

Rules: what is needed is read from each service's service.toml. What the bootstrap installs by
itself (as root on Debian, or from package registries) is not missed.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from edgemesh_client.cli import house
from edgemesh_client.cli.shapes import Finding

_BROUGHT = {"cargo", "go", "node"}
"""Programs that package registries carry."""
_HOST = "127.0.0.1"
_PORTS = (("PORT", "port"), ("METRICS_PORT", "metrics_port"), ("REST_PORT", "http_port"))


def examine(*, running: bool) -> Iterator[Finding]:
    """Tools and ports; nothing where there is no checkout. `running`: a mesh has its ports."""
    found = house.find()
    if found is None:
        yield Finding("checkout", True, "none is around here; a mesh elsewhere needs none")
        return
    services = found.services()
    yield _tools(services)
    if not running:
        yield from _ports(services)


def _tools(services: Sequence[dict[str, Any]]) -> Finding:
    needs = [each.get("needs", {}) for each in services]
    programs = sorted({name for need in needs for name in need.get("tools", {})} - _BROUGHT)
    packages = sorted({name for need in needs for name in need.get("packages", ())})
    missing = [name for name in (*programs, "make", "sh") if shutil.which(name) is None]
    installs = os.geteuid() == 0 and shutil.which("apt-get") is not None
    lacking = _not_installed(packages)
    wanted = sorted({*missing, *lacking})
    if not wanted:
        return Finding("tools", True, f"{', '.join(programs)}, and {len(packages)} packages")
    if installs and "sh" not in missing and "make" not in missing:
        return Finding("tools", True, f"edgemesh up installs {', '.join(wanted)}")
    install = " ".join(sorted({*({"make"} & {*missing}), *(lacking or packages)}))
    mend = f"apt-get update && apt-get install -y --no-install-recommends {install}  (as root)"
    return Finding("tools", False, f"missing: {', '.join(wanted)}", mend)


def _not_installed(packages: Sequence[str]) -> list[str]:
    """Those that Debian's package database does not call installed; none where there is none."""
    ask = shutil.which("dpkg-query")
    if ask is None or not packages:
        return []
    words = [ask, "-W", "-f=${Package} ${db:Status-Status}\\n", *packages]
    listing = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return sorted({*packages} - installed)


def _ports(services: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Whether what `edgemesh up` will bind is free."""
    wanted = list(_wanted(services))
    taken = [(port, setting) for port, setting in wanted if port and not _free(port)]
    for port, setting in taken:
        mend = f"export {setting}={_other()}; ss -ltnp 'sport = :{port}' names who has it"
        yield Finding("ports", False, f"port {port} is taken ({setting})", mend)
    if not taken:
        yield Finding(
            "ports", True, f"{', '.join(str(port) for port, _ in wanted if port)} are free"
        )


def _wanted(services: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    for service in services:
        for setting, field in _PORTS:
            variable = f"{service['env_prefix']}{setting}"
            standard = str(service.get(field, 0))
            said = os.environ.get(variable, standard)
            yield int(said) if said.isdecimal() else 0, variable


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port is not taken for its last connections' sake.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
            probe.listen()
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _other() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
