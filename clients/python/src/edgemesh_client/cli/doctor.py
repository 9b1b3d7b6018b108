"""`edgemesh doctor`: from the socket upwards, each thing that must be right, and what mends it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import typer

from edgemesh_client.cli.app import STATE, app
from edgemesh_client.client import Client
from edgemesh_client.errors import EdgemeshError, PermissionDenied, Unauthenticated
from edgemesh_client.options import Options

_SOON_S = 5.0
_PROBES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("cpp.fft", {}, {"x": np.ones(4)}),
    ("python.run", {"code": "1"}, {}),
    ("ml.embed", {"texts": ["a"]}, {}),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    ok: bool
    found: str
    mend: str = ""
    """The command, or the setting, that mends it."""


@app.command()
def doctor() -> None:
    """Look whether all is well from here to each executor; ends with 4 if not."""
    findings = list(_examine())
    output = STATE.output
    if output.as_json:
        output.json({"ok": all(each.ok for each in findings), "checks": findings})
    else:
        for each in findings:
            style = "green" if each.ok else "red"
            output.line(f"{'ok ' if each.ok else 'BAD'} {each.check:<12} {each.found}", style)
            if not each.ok:
                output.line(f"    {each.mend}")
    if not all(each.ok for each in findings):
        raise typer.Exit(4)


def _examine() -> Iterator[Finding]:
    """Finding after finding, until one makes the next pointless."""
    options = Options.settle(**STATE.said)
    reached = _reached(options)
    yield reached
    if not reached.ok:
        return
    secured = _secured(options)
    yield secured
    if not secured.ok:
        return
    try:
        served = {each.name: each.executor for each in STATE.client.algorithms()}
    except (Unauthenticated, PermissionDenied) as error:
        mend = "export EDGEMESH_API_KEY=…; a new key: edgemesh-gateway keys create --tenant NAME"
        yield Finding("key", False, str(error), mend)
        return
    except EdgemeshError as error:
        yield Finding("gateway", False, str(error), "is it a gateway of edgemesh? make up")
        return
    yield Finding("key", True, "accepted" if options.bearer else "none is needed")
    yield Finding("gateway", bool(served), f"{len(served)} algorithms", "make up, and its log")
    for executor in sorted(set(served.values())):
        yield _executor(STATE.client, executor, served)


def _reached(options: Options) -> Finding:
    if options.address.startswith("unix:"):
        return Finding("address", True, options.address)
    host, _, port = options.address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SOON_S):
            return Finding("address", True, options.address)
    except OSError as error:
        mend = "make up starts a mesh here; export EDGEMESH_ADDRESS=host:port names another"
        return Finding("address", False, f"{options.address}: {error.strerror or error}", mend)


def _secured(options: Options) -> Finding:
    """Whether both sides mean the same by the bytes."""
    if options.address.startswith("unix:"):
        return Finding("tls", True, "not used")
    host, _, port = options.address.rpartition(":")
    context = ssl.create_default_context()
    if options.ca is not None:
        context = ssl.create_default_context(cadata=options.ca.decode(errors="replace"))
    if not options.tls:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    problem = ""
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _SOON_S) as plain,
            context.wrap_socket(plain, server_hostname=options.server_name or host) as secure,
        ):
            version = secure.version() or ""
    except (OSError, ValueError) as error:
        problem, version = str(getattr(error, "verify_message", "") or error), ""
    if not options.tls:
        mend = f"export EDGEMESH_ADDRESS=https://{options.address}"
        return Finding("tls", not version, "the mesh speaks TLS" if version else "not used", mend)
    mend = "export EDGEMESH_CA=its-authority.pem, or --no-tls where it has none"
    return Finding("tls", not problem, problem or version, mend)


def _executor(client: Client, executor: str, served: dict[str, str]) -> Finding:
    """Whether it answers a small call, and its version."""
    for algorithm, parameters, tensors in _PROBES:
        if served.get(algorithm) == executor:
            try:
                result = client.compute(algorithm, parameters=parameters, tensors=tensors)
            except EdgemeshError as error:
                mend = f"its log, and its metrics: make up EXECUTORS={executor}"
                return Finding(executor, False, f"{algorithm}: {error}", mend)
            took = result.usage.total_us / 1000
            return Finding(executor, True, f"{result.usage.version}, {algorithm} {took:.1f} ms")
    return Finding(executor, True, "served; no probe of it is known")
