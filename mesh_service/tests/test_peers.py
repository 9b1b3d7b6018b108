"""Whose connection it is: the kernel's word, for TCP of this machine."""

from __future__ import annotations

import os
import socket

import pytest

from mesh_service.peers import user_of


@pytest.mark.parametrize(
    ("family", "host", "kind"),
    [(socket.AF_INET, "127.0.0.1", "ipv4"), (socket.AF_INET6, "::1", "ipv6")],
)
def test_a_connection_of_ours(family: int, host: str, kind: str) -> None:
    try:
        listening = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {kind} here")
    with listening, socket.socket(family) as client:
        client.connect((host, listening.getsockname()[1]))
        port, its_port = listening.getsockname()[1], client.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        quoted = shown.replace("[", "%5B").replace("]", "%5D")
        for server in (f"{shown}:{port}", f"0.0.0.0:{port}", f"localhost:{port}"):
            assert user_of(f"{kind}:{quoted}:{its_port}", server) == os.geteuid()
        assert user_of(f"{kind}:{quoted}:{port}", f"{shown}:{port}") is None
        assert user_of(f"{kind}:{quoted}:{its_port}", f"{shown}:{its_port}") is None


def test_an_ipv6_socket_that_speaks_ipv4() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.socket(socket.AF_INET6) as client:
            client.connect(("::ffff:127.0.0.1", port))
            peer = f"ipv4:127.0.0.1:{client.getsockname()[1]}"
            assert user_of(peer, f"127.0.0.1:{port}") == os.geteuid()


@pytest.mark.parametrize(
    "peer", ["", "unix:", "unix:/run/it", "ipv4:192.0.2.7:999", "ipv4:x:1", "ipv4:", "vsock:3:4"]
)
def test_none_of_this_machine(peer: str) -> None:
    assert user_of(peer, "127.0.0.1:50061") is None
