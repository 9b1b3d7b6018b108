"""A PostgreSQL of the tests' own, on a socket in a folder; a database in it for each test.

Rules: it does not run as root, so root lends it the user that Debian's package makes.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from threading import Thread

import psycopg

_START_S = 60.0
# Not by subprocess's own means: these fork, and gRPC's threads do not outlive that.
_AS_ITS_USER = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")
_numbers = itertools.count(1)


def programs() -> Path | None:
    """Where PostgreSQL's programs are on this machine; None: it is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class Server:
    """One server, which runs until it is closed."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None, "PostgreSQL is not installed"
        self._programs = found
        # Its socket's path must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="edgemesh-"))
        self._owner: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._owner = _AS_ITS_USER
        words = ["-D", self._folder / "data", "-U", "mesh", "--auth=trust", "--no-sync"]
        initialise = [*self._owner, found / "initdb", *words]
        subprocess.run(initialise, check=True, capture_output=True)
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Of the database that every server has."""
        return self._url("postgres")

    def fresh(self) -> str:
        """Of a new and empty database."""
        name = f"test_{next(_numbers)}"
        where = f"user=mesh dbname=postgres host={self._folder}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        until = time.monotonic() + _START_S
        while not self._try():  # what was killed may not have let go of its memory yet
            assert time.monotonic() < until, "PostgreSQL does not start"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it; by default as a crash would, with no farewell and nothing written."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    def close(self) -> None:
        """Stop it for good."""
        self.stop(signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://mesh@/{name}?host={self._folder}"

    def _try(self) -> bool:
        options = [f"-cunix_socket_directories={self._folder}", "-clisten_addresses="]
        data = ["-D", self._folder / "data", "-cfsync=off"]
        self._process = subprocess.Popen(
            [*self._owner, self._programs / "postgres", *data, *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        stderr = self._process.stderr
        assert stderr is not None
        for line in stderr:
            if "ready to accept" in line:
                # A pipe that nobody reads would stop it.
                Thread(target=lambda: [None for _ in stderr], daemon=True).start()
                return True
        self._process.wait()
        return False
