"""The hosts that programs may speak with, and what an operator says of each.

Rules: policy is this table. A name is a host, or a host and a port; one that begins with a dot
means all below it, and the longest that fits counts. Header templates name secrets as `{name}`;
what these are is read here from a file, in this process only, and goes nowhere but into requests
to that host.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.policy import Policy

_ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_SECRET = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_SCRUBBED_FROM = 6
"""Characters of a secret; a shorter one would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Host:
    """What an operator says of one."""

    name: str
    port: int | None = None
    """None: the scheme's own."""
    methods: tuple[str, ...] = ()
    internal: bool = False
    """Whether it is on a network of the operator's: any address is right, and http without TLS."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that requests get on the way, secrets put in."""
    secrets: tuple[bytes, ...] = ()
    """What answers must not tell."""

    def fits(self, parts: SplitResult, port: int) -> bool:
        """Whether a URL is of it."""
        name = (parts.hostname or "").lower().rstrip(".")
        if not (name == self.name or (self.name.startswith(".") and name.endswith(self.name))):
            return False
        return port == (self.port or (443 if parts.scheme == "https" else 80))

    def policy(self, base: Policy) -> Policy:
        """What a connection to it is held to."""
        return Policy(
            hosts=(self.name,),
            networks=_ANYWHERE if self.internal else (),
            plain_http=self.internal,
            max_bytes=base.max_bytes,
            timeout_s=base.timeout_s,
            ports=frozenset({self.port or 443}),
        )


class Hosts:
    """All of them, by the names that the operator gave them."""

    def __init__(self, hosts: Mapping[str, Mapping[str, Any]], secrets: Mapping[str, str]) -> None:
        """Raises ValueError for a template of a secret that is not there."""
        self._hosts = {key: _host(key, told, secrets) for key, told in hosts.items()}

    def find(self, parts: SplitResult, granted: Collection[str]) -> Host:
        """The one that a URL is of, among those that were granted. Raises FetchError."""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = [
            host for key, host in self._hosts.items() if key in granted and host.fits(parts, port)
        ]
        if not found:
            there = ", ".join(sorted(granted)) or "none"
            where = f"{(parts.hostname or '')[:253]}:{port}"
            raise FetchError(
                "not_granted", f"{where} is none of the hosts that were granted: {there}"
            )
        return max(found, key=lambda host: len(host.name))


def read_secrets(path: Path | None) -> dict[str, str]:
    """A file of `name = "value"`. Raises OSError and ValueError."""
    if path is None:
        return {}
    read = tomllib.loads(path.read_text())
    for name, value in read.items():
        if not isinstance(value, str) or not value.isprintable() or not value.isascii():
            raise ValueError(f"{path}: {name} is to be a line of ASCII text")
    return read


def _host(key: str, told: Mapping[str, Any], secrets: Mapping[str, str]) -> Host:
    name, _, port = key.partition(":")
    used: set[str] = set()

    def put_in(found: re.Match[str]) -> str:
        if found[1] not in secrets:
            raise ValueError(f"{key}: there is no secret {found[1]!r}")
        used.add(secrets[found[1]])
        return secrets[found[1]]

    headers = {str(k): _SECRET.sub(put_in, str(v)) for k, v in told["headers"].items()}
    return Host(
        name=name.lower(),
        port=int(port) if port else None,
        methods=tuple(told["methods"]),
        internal=bool(told["internal"]),
        headers=headers,
        secrets=tuple(each.encode() for each in used if len(each) >= _SCRUBBED_FROM),
    )
