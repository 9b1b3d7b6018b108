"""Where the mesh is, who calls it, and how patiently: arguments, or else the environment.

    EDGEMESH_ADDRESS      host:port, or https://host:port for TLS (default 127.0.0.1:50051)
    EDGEMESH_API_KEY      an API key
    EDGEMESH_TOKEN        a token (JWT), instead of a key
    EDGEMESH_CA           PEM of the authorities that the mesh's certificate is of
    EDGEMESH_CERTIFICATE  PEM of the caller's own certificate, and
    EDGEMESH_CERTIFICATE_KEY  of its key

Rules: an argument wins over the environment. TLS is used where the address says https, where
certificates are named, and with a key or token beyond loopback: neither crosses a network in the
clear unless `tls=False` says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgemesh_client.errors import ConfigurationError

ADDRESS = "127.0.0.1:50051"
_ADDRESS = re.compile(r"(?:(https?|unix):(?://)?)?(.+?)/?")
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and after what, a call that did not begin is made again.

    Waits are what the mesh asks for (RetryInfo), or else `first_s`, doubled each time, at most
    `most_s`, less up to half of it at random. All calls of a client share the budget: a retry takes
    1 of it, a call that ends well gives 0.1 back; where it is spent, errors come back at once.
    """

    attempts: int = 4
    first_s: float = 0.1
    most_s: float = 5.0
    budget: float = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """All of it, settled."""

    address: str
    tls: bool
    bearer: str = field(default="", repr=False)
    ca: bytes | None = None
    certificate: bytes | None = None
    certificate_key: bytes | None = field(default=None, repr=False)
    server_name: str = ""
    timeout: float = 60.0
    retries: Retries = Retries()

    @classmethod
    def settle(
        cls,
        address: str | None = None,
        *,
        api_key: str | None = None,
        token: str | None = None,
        tls: bool | None = None,
        ca: str | Path | None = None,
        certificate: str | Path | None = None,
        certificate_key: str | Path | None = None,
        server_name: str = "",
        timeout: float = 60.0,
        retries: Retries | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Options:
        """Arguments and environment together. Raises ConfigurationError."""
        if api_key and token:
            raise ConfigurationError("token", "either an API key or a token, not both")
        if not timeout > 0:  # nor NaN
            raise ConfigurationError("timeout", "seconds, more than 0")
        shown = api_key or token
        if shown is None:
            shown = environment.get("EDGEMESH_API_KEY") or environment.get("EDGEMESH_TOKEN") or ""
        if not shown.isascii() or not shown.isprintable():
            raise ConfigurationError("api_key", "printable ASCII characters only")
        ca = ca or environment.get("EDGEMESH_CA")
        certificate = certificate or environment.get("EDGEMESH_CERTIFICATE")
        certificate_key = certificate_key or environment.get("EDGEMESH_CERTIFICATE_KEY")
        if bool(certificate) != bool(certificate_key):
            raise ConfigurationError("certificate", "a certificate and its key go together")
        scheme, place = _place(address or environment.get("EDGEMESH_ADDRESS") or ADDRESS)
        if tls is None:
            far = scheme != "unix" and not _LOOPBACK.fullmatch(place)
            tls = scheme == "https" or bool(ca or certificate or (shown and far))
            if tls and scheme == "http":
                raise ConfigurationError(
                    "address", "http:// is in the clear: use https://, or tls=False to insist"
                )
        return cls(
            address=f"unix:{place}" if scheme == "unix" else place,
            tls=tls,
            bearer=shown,
            ca=_read("ca", ca),
            certificate=_read("certificate", certificate),
            certificate_key=_read("certificate_key", certificate_key),
            server_name=server_name,
            timeout=timeout,
            retries=retries or Retries(),
        )


def _place(address: str) -> tuple[str, str]:
    match = _ADDRESS.fullmatch(address.strip())
    if match is None or ("/" in match[2] and match[1] != "unix"):
        raise ConfigurationError("address", f"host:port or https://host:port, not {address!r}")
    scheme, place = match[1] or "", match[2]
    port = re.search(r":(\d+)$", place)
    if scheme != "unix" and port and not 0 < int(port[1]) < 1 << 16:
        raise ConfigurationError("address", f"a port from 1 to 65535, not {port[1]}")
    if scheme == "unix" or port:
        return scheme, place
    if ":" in place and not place.endswith("]"):
        raise ConfigurationError("address", f"host:port, not {address!r}")
    return scheme, f"{place}:{443 if scheme == 'https' else 50051}"


def _read(option: str, path: str | Path | None) -> bytes | None:
    if not path:
        return None
    try:
        found = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(option, f"{path} cannot be read ({error.strerror})") from None
    if b"-----BEGIN " not in found:  # gRPC would say that it cannot connect
        raise ConfigurationError(option, f"{path} is no PEM")
    return found
