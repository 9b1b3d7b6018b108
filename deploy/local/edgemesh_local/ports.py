"""Whether a port is free, told before a service stumbles over it."""

from __future__ import annotations

import errno
import socket


class PortInUse(Exception):
    """Something else listens where a service should."""

    def __init__(self, service: str, port: int, setting: str) -> None:
        self.service, self.port, self.setting = service, port, setting
        super().__init__(
            f"port {port} ({service}) is in use: stop what listens there, or set {setting}"
        )


def free_port(host: str) -> int:
    """A port that is free now; for one that must be known before its service binds it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def check_free(service: str, host: str, port: int, setting: str) -> None:
    """Raises PortInUse, which names the setting that chooses another; port 0 is always free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a port is not in use for its last connections' sake.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            if port:
                probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(service, port, setting) from None
            raise
