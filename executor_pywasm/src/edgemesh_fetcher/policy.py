"""What may be fetched, from where, and how much of it.

Rules: policy is this table; everything else asks it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

MIB = 1 << 20
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Policy:
    """An operator's word."""

    hosts: tuple[str, ...] | None = None
    """Hosts by name, lower case; one that begins with a dot means all below it. None: any."""
    networks: tuple[Network, ...] = ()
    """Networks that may be reached although they are not public."""
    plain_http: bool = False
    """Whether http is allowed, to addresses of `networks`."""
    max_bytes: int = 64 * MIB
    """Of one thing."""
    timeout_s: float = 60.0
    """For one thing, redirects included."""
    redirects: int = 3
    ports: frozenset[int] = field(default_factory=lambda: frozenset({443}))
    """Where `plain_http` is not set; else any."""
    offline: bool = False
    """Nothing is fetched: what is not in the cache is not to be had."""

    def host_allowed(self, host: str) -> bool:
        """Whether this name is on the list."""
        if self.hosts is None:
            return True
        name = host.lower().rstrip(".")
        return any(
            name == each or (each.startswith(".") and name.endswith(each)) for each in self.hosts
        )

    def address_allowed(self, address: Address) -> bool:
        """Whether this address is public, or of a network that the operator has named."""
        if self.named(address):
            return True
        return _public(address)

    def named(self, address: Address) -> bool:
        """Whether it is of such a network."""
        return any(address.version == net.version and address in net for net in self.networks)


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv4 address in another's clothes counts as what it is.
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
