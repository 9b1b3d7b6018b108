"""Who is at the other end of a connection on this machine: the user that the kernel names.

Rules: of a caller's own words nothing is taken, but from a peer who could do as it likes here
anyway: the service's own user, root, or one that has given the mesh's secret. That is how a gateway
tells for whom it asks.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from mesh_service.stack import Rpc

UID = "edgemesh-uid"
_ESTABLISHED = "01"
_MAPPED = bytes(10) + b"\xff\xff"
_TABLES = {socket.AF_INET: "/proc/net/tcp", socket.AF_INET6: "/proc/net/tcp6"}


class Peers:
    """The users behind one server's connections."""

    def __init__(
        self, address: Callable[[], str], *, front_door: bool = False, secret: bool = False
    ) -> None:
        """`address`: the server's host:port. `front_door`: whether nobody asks here for others.
        `secret`: whether every caller has given the mesh's.
        """
        self._address = address
        self._front_door = front_door
        self._secret = secret

    def user(self, rpc: Rpc) -> int | None:
        """The user id of the caller's process; None if it does not run on this machine."""
        port = int(self._address().rpartition(":")[2])
        found = user_of(rpc.context.peer(), port)
        claimed = rpc.header(UID)
        if self._front_door or not claimed.isdecimal():
            return found
        return int(claimed) if self._secret or found in (0, os.geteuid()) else found


def user_of(peer: str, port: int) -> int | None:
    """The owner of the socket that is connected from `peer`, as gRPC writes it, to our `port`.

    None unless the kernel knows of exactly one.
    """
    kind, _, address = peer.partition(":")
    host, _, its_port = unquote(address).rpartition(":")
    family = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(kind)
    if family is None or not its_port.isdecimal():
        return None
    packed = socket.inet_pton(family, host.strip("[]"))
    rows = _rows(family, packed, int(its_port), port)
    # An IPv6 socket may hold an IPv4 connection, on either side.
    if family == socket.AF_INET:
        rows |= _rows(socket.AF_INET6, _MAPPED + packed, int(its_port), port)
    elif packed.startswith(_MAPPED):
        rows |= _rows(socket.AF_INET, packed[len(_MAPPED) :], int(its_port), port)
    return rows.pop() if len(rows) == 1 else None


def _rows(family: int, host: bytes, its_port: int, port: int) -> set[int]:
    words = [host[at : at + 4] for at in range(0, len(host), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    local, remote = f"{b''.join(words).hex().upper()}:{its_port:04X}", f":{port:04X}"
    found: set[int] = set()
    table = Path(_TABLES[socket.AddressFamily(family)])
    for line in table.read_text().splitlines()[1:] if table.exists() else ():
        if local in line:
            row = line.split()
            if row[1] == local and row[2].endswith(remote) and row[3] == _ESTABLISHED:
                found.add(int(row[7]))
    return found
