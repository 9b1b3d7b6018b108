"""The way to the mesh: whether something listens, and both sides mean the same by the bytes.

Rules: HTTP/2's preface is said in the clear first, which tells a gateway without TLS from one with
it, and both from what speaks HTTP/1.1 (REST's port, the metrics').
"""

from __future__ import annotations

import enum
import os
import re
import socket
import ssl
from collections.abc import Iterator

from edgemesh_client.cli.shapes import Finding
from edgemesh_client.errors import ConfigurationError
from edgemesh_client.options import Options

_SOON_S = 5.0
_ANSWER_S = 5.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
_HERE = re.compile(r"localhost|127(\.\d+){3}|\[?::1\]?")
_EXPIRED, _NOT_YET, _OTHER_NAME = 10, 9, 62
"""X509_V_ERR_CERT_HAS_EXPIRED, …_NOT_YET_VALID, …_HOSTNAME_MISMATCH; an address gives 64."""
_OTHER_ADDRESS = 64


class Speaks(enum.Enum):
    """What is spoken where something listens."""

    HTTP2 = enum.auto()
    HTTP1 = enum.auto()
    TLS = enum.auto()
    OTHER = enum.auto()


def reconfigure(error: ConfigurationError) -> str:
    """What mends an option that makes no sense."""
    variable = f"EDGEMESH_{error.option.upper()}"
    if variable in os.environ:
        return f"unset {variable}, or export it with what is expected"
    return f"export {variable}=… with what is expected: edgemesh --help"


def is_here(options: Options) -> bool:
    """Whether it is on this machine."""
    return options.address.startswith("unix:") or bool(_HERE.fullmatch(_place(options)[0]))


def examine(options: Options) -> Iterator[Finding]:
    """Address and TLS; the last finding is the first that is not ok."""
    if options.address.startswith("unix:"):
        path = options.address.removeprefix("unix:")
        there = os.path.exists(path)
        found = options.address if there else f"{path} is not there"
        yield Finding("address", there, found, "" if there else _start(options))
        return
    listens = _listens(options)
    understood = _understood(options) if listens.ok else None
    if understood is None or understood.check != listens.check:
        yield listens
    if understood is not None:
        yield understood


def _place(options: Options) -> tuple[str, int]:
    host, _, port = options.address.rpartition(":")
    return host.strip("[]"), int(port)


def _start(options: Options) -> str:
    if is_here(options):
        return (
            "edgemesh up (or make up) starts a mesh here; export EDGEMESH_ADDRESS=… names another"
        )
    return "export EDGEMESH_ADDRESS=host:port, and ask who runs the mesh there"


def _listens(options: Options) -> Finding:
    try:
        with socket.create_connection(_place(options), _SOON_S):
            return Finding("address", True, options.address)
    except socket.gaierror as error:
        mend = "export EDGEMESH_ADDRESS=host:port with a host that there is"
        found = f"{options.address}: no such host ({error.strerror})"
        return Finding("address", False, found, mend)
    except OSError as error:
        found = f"{options.address}: nothing listens ({error.strerror or error})"
        return Finding("address", False, found, _start(options))


def _understood(options: Options) -> Finding:
    host, _ = _place(options)
    spoken = _spoken(options)
    if spoken is Speaks.HTTP1:
        found = f"{options.address} speaks HTTP/1.1, as REST and metrics do, not gRPC"
        mend = f"export EDGEMESH_ADDRESS={host}:50051, or the port that its log calls `serving`"
        return Finding("address", False, found, mend)
    if spoken is Speaks.OTHER:
        found = f"{options.address} is no gateway: it speaks neither HTTP/2 nor TLS"
        mend = f"export EDGEMESH_ADDRESS={host}:50051, or where the gateway is"
        return Finding("address", False, found, mend)
    if options.tls and spoken is Speaks.HTTP2:
        mend = f"export EDGEMESH_ADDRESS={options.address}; unset EDGEMESH_CA"
        return Finding("tls", False, "the mesh speaks no TLS, and we do", mend)
    if not options.tls and spoken is Speaks.TLS:
        mend = f"export EDGEMESH_ADDRESS=https://{options.address}"
        return Finding("tls", False, "the mesh speaks TLS, and we do not", mend)
    return _handshake(options) if options.tls else Finding("tls", True, "not used")


def _spoken(options: Options) -> Speaks:
    """What answers to a preface in the clear; what does not answer may speak TLS."""
    try:
        with socket.create_connection(_place(options), _SOON_S) as plain:
            plain.settimeout(_ANSWER_S)
            plain.sendall(_PREFACE)
            answer = plain.recv(64)
    except OSError:
        answer = b""
    if len(answer) >= 9 and answer[3] == _SETTINGS and not answer.startswith(b"HTTP"):
        return Speaks.HTTP2
    if answer[:1] in (b"H", b"<"):
        return Speaks.HTTP1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(_place(options), _SOON_S) as plain,
            context.wrap_socket(plain),
        ):
            return Speaks.TLS
    except OSError:
        return Speaks.OTHER


def _handshake(options: Options) -> Finding:
    """As the calls will do it: with the authorities, and our own certificate."""
    host, port = _place(options)
    try:
        context = _context(options)
        with (
            socket.create_connection((host, port), _SOON_S) as plain,
            context.wrap_socket(plain, server_hostname=options.server_name or host) as secure,
        ):
            secure.recv(1)  # with TLS 1.3 it is here that a certificate of ours is asked for
            until = (secure.getpeercert() or {}).get("notAfter", "")
            return Finding("tls", True, f"{secure.version()}, its certificate until {until}")
    except ssl.SSLCertVerificationError as error:
        return Finding("tls", False, f"certificate: {error.verify_message}", _trust(error, port))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", "") or str(error)
        if "CERTIFICATE_REQUIRED" in reason.upper().replace(" ", "_"):
            mend = "export EDGEMESH_CERTIFICATE=mine.pem EDGEMESH_CERTIFICATE_KEY=mine.key"
            return Finding("tls", False, "the mesh asks for a certificate of ours", mend)
        return Finding(
            "tls", False, reason, "export EDGEMESH_CA=authority.pem, a PEM that is whole"
        )


def _context(options: Options) -> ssl.SSLContext:
    authorities = options.ca.decode(errors="replace") if options.ca is not None else None
    context = ssl.create_default_context(cadata=authorities)
    context.set_alpn_protocols(["h2"])
    if options.certificate is not None:
        # Options have their bytes, and a context takes files only.
        context.load_cert_chain(
            os.environ["EDGEMESH_CERTIFICATE"], os.environ["EDGEMESH_CERTIFICATE_KEY"]
        )
    return context


def _trust(error: ssl.SSLCertVerificationError, port: int) -> str:
    if error.verify_code == _EXPIRED:
        return (
            "who runs the mesh puts a new pair where EDGEMESH_GATEWAY_TLS_CERTIFICATE and "
            "EDGEMESH_GATEWAY_TLS_KEY say; it is taken up within seconds"
        )
    if error.verify_code == _NOT_YET:
        return "timedatectl set-ntp true, where the clock here is behind"
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return f"export EDGEMESH_ADDRESS=https://NAME:{port} with a name that is in the certificate"
    return "export EDGEMESH_CA=authority.pem: the authority that the mesh's certificate is of"
