"""What a caller has shown, apart from any transport.

Rules: a bearer is believed by its content, a certificate because the handshake has verified it. The
header that names a certificate is believed only behind our own data path, which takes it off
callers' requests, as whoever makes an Rpc of something else has to. This module alone reads an RPC
for identity.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from dataclasses import dataclass
from typing import Any

from mesh_service.stack import Rpc

CERTIFICATE = "edgemesh-certificate"
_SCHEME = "bearer "
_CERTIFICATE_PREFIX = b"certificate\0"


class BadToken(Exception):
    """A token is not believed; says why, for the operator alone."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client's certificate that a handshake has verified."""

    subject: str
    """The common name of its subject; empty: it has not exactly one."""
    until: float
    """When it expires, in Unix time."""
    digest: bytes
    """What the data path's table knows it by."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer goes before a certificate."""

    bearer: str = ""
    """An API key or a token."""
    given: bool = False
    """Whether there was any `authorization`, also one that holds no bearer."""
    certificate: Certificate | None = None

    @property
    def digest(self) -> bytes | None:
        """What the data path's table would know it by."""
        if self.given:
            return hashlib.sha256(self.bearer.encode()).digest() if self.bearer else None
        return None if self.certificate is None else self.certificate.digest


def bearer(authorization: str | None) -> Credentials:
    """The credentials of an `authorization` header; None: there is none."""
    if authorization is None:
        return Credentials()
    is_bearer = authorization[: len(_SCHEME)].lower() == _SCHEME
    return Credentials(authorization[len(_SCHEME) :] if is_bearer else "", given=True)


def shown(rpc: Rpc, *, relayed: bool) -> Credentials:
    """The credentials of an RPC. `relayed`: whether all calls come through our data path."""
    given = [value for name, value in rpc.metadata if name == "authorization"]
    if given:
        return bearer(given[0] if isinstance(given[0], str) else "")
    der = _relayed(rpc) if relayed else _handshaken(rpc)
    return Credentials() if der is None else Credentials(certificate=read(der))


def read(der: bytes) -> Certificate | None:
    """A certificate; None: it cannot be read."""
    from cryptography import x509  # a tenth of a second, where nobody shows one
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        until = parsed.not_valid_after_utc.timestamp()
    except ValueError:
        return None
    name = names[0].value if len(names) == 1 else ""
    digest = hashlib.sha256(_CERTIFICATE_PREFIX + der).digest()
    return Certificate(name if isinstance(name, str) else "", until, digest)


def _relayed(rpc: Rpc) -> bytes | None:
    try:
        return base64.b64decode(rpc.header(CERTIFICATE), validate=True) or None
    except binascii.Error:
        return None


def _handshaken(rpc: Rpc) -> bytes | None:
    context: Any = rpc.context
    if not hasattr(context, "auth_context"):  # it came by no connection of gRPC's
        return None
    for pem in context.auth_context().get("x509_pem_cert", ()):
        try:
            return ssl.PEM_cert_to_DER_cert(pem.decode())
        except ValueError:
            return None
    return None
