"""Who is at the other end of a connection on this machine: the user that the kernel names.

Rules: of a caller's own words nothing is taken, but from a peer who could do as it likes here
anyway: the service's own user, root, or one that has given the mesh's secret. That is how a gateway
tells for whom it asks.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from urllib.parse import unquote

from mesh_service.socket_owner import socket_owner
from mesh_service.stack import Rpc

UID = "edgemesh-uid"
PEER = "edgemesh-peer"
"""Where a call came from, as a front of ours says it."""


class Peers:
    """The users behind one server's connections."""

    def __init__(
        self,
        address: Callable[[], str],
        *,
        front_door: bool = False,
        secret: bool = False,
        relayed: bool = False,
    ) -> None:
        """`address`: the server's host:port. `front_door`: whether nobody asks here for others.
        `secret`: whether every caller has given the mesh's. `relayed`: whether all calls
        come through a front of ours, which says from where, and alone can reach the server.
        """
        self._address = address
        self._front_door = front_door
        self._secret = secret
        self._relayed = relayed

    def user(self, rpc: Rpc) -> int | None:
        """The user id of the caller's process; None if it does not run on this machine."""
        peer = rpc.header(PEER) if self._relayed else rpc.context.peer()
        found = user_of(peer, self._address())
        claimed = rpc.header(UID)
        if self._front_door or not claimed.isdecimal():
            return found
        return int(claimed) if self._secret or found in (0, os.geteuid()) else found


def user_of(peer: str, server: str) -> int | None:
    """The owner of the socket that is connected from `peer`, as gRPC writes it, to our `server`.

    None if it is none of this machine.
    """
    kind, _, address = peer.partition(":")
    family = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(kind)
    host, _, port = unquote(address).rpartition(":")
    if family is None or not port.isdecimal():
        return None
    own, _, our_port = server.rpartition(":")
    theirs = _packed(family, host)
    # A server of any address is reached on this machine by the one that the caller has too.
    for ours in {_packed(family, own) or theirs, theirs}:
        if theirs is not None and ours is not None:
            owner = socket_owner(family, (theirs, int(port)), (ours, int(our_port)))
            if owner is not None:
                return owner
    return None


def _packed(family: int, host: str) -> bytes | None:
    try:
        return socket.inet_pton(family, host.strip("[]"))
    except OSError:
        return None
