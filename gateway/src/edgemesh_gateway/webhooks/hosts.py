"""Which URLs may be told: hosts by the operator's list, addresses by what they are.

Rules: knows no network. A URL is taken apart here, once, and what is asked for later is put
together from these parts, so that no two readers of it disagree. A name is judged when a job is
submitted and before each try; the addresses that it stands for just before one is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_URL = 2048
_PORTS = {"https": 443, "http": 80}
_NAME = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"{_NAME}(\.{_NAME})*\.?|\[[0-9a-f:.]+\]")
_ENTRY = re.compile(rf"(?P<host>(\*\.)?{_NAME}(\.{_NAME})*|\[[0-9a-f:.]+\])(:(?P<port>\d+|\*))?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SPECIAL = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
"""Of protocols and of old relays: no place of anybody's."""


class Refused(Exception):
    """A URL that may not be told; says what was expected, for its caller."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    """Without brackets."""
    port: int
    path: str
    """With its query."""
    internal: bool
    """Whether the operator has said that it may be at an address that is not public."""

    @property
    def authority(self) -> str:
        """As a request's Host has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Hosts:
    """An operator's list."""

    def __init__(self, listed: Iterable[str], internal: Iterable[str]) -> None:
        """Entries: `name`, `*.name` for all below it, each with `:port` or `:*`, else the scheme's
        own. `internal`: those that may be at any address, and take http:// too. Raises ValueError.
        """
        self._listed = [_entry(text) for text in listed]
        self._internal = [_entry(text) for text in internal]

    def __bool__(self) -> bool:
        return bool(self._listed or self._internal)

    def target(self, url: str) -> Target:
        """A URL that may be told. Raises Refused."""
        if len(url) > MOST_URL or not (url.isascii() and url.isprintable()) or " " in url:
            raise Refused(f"at most {MOST_URL} printable ASCII characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Refused("a URL: https://<host>/<path>") from None
        if parts.scheme not in _PORTS or "\\" in url or not parts.netloc:
            raise Refused("a URL: https://<host>/<path>")
        if "@" in parts.netloc or "#" in url:
            raise Refused("a URL without a user and without a fragment")
        named = (parts.hostname or "").lower()
        shown = f"[{named}]" if ":" in named else named
        if not _HOST.fullmatch(shown) or port == 0:
            raise Refused("a URL: https://<host>/<path>")
        port = _PORTS[parts.scheme] if port is None else port
        host = named.rstrip(".")
        internal = any(each.fits(host, port) for each in self._internal)
        if not internal and not any(each.fits(host, port) for each in self._listed):
            if not self:
                raise Refused("no webhook: the operator of this gateway has allowed no host")
            raise Refused("a host and port that the operator of this gateway has allowed")
        if parts.scheme == "http" and not internal:
            raise Refused("https://: what is signed is not for everybody to read")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port, path, internal)


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    below: bool
    port: int | None
    """None: the scheme's own; 0: any."""

    def fits(self, host: str, port: int) -> bool:
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        ports = _PORTS.values() if self.port is None else (self.port,)
        return named and (self.port == 0 or port in ports)


def _entry(text: str) -> _Entry:
    found = _ENTRY.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"<host>, *.<domain>, either with :<port> or :*, not {text[:128]!r}")
    port = found["port"]
    number = None if port is None else 0 if port == "*" else int(port)
    if number is not None and number > 65535:
        raise ValueError(f"a port up to 65535, not {text[:128]!r}")
    host = found["host"]
    return _Entry(host.removeprefix("*.").strip("[]"), host.startswith("*."), number)


def public(address: Address) -> bool:
    """Whether an address is one of the internet's, whichever clothes it wears."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    elif any(address in each for each in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
