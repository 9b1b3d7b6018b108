"""All sessions of an executor: by tenant and name, with quotas and an end for the unused.

Rules: what is on disk is what there is; in memory are names, places and sizes. A file that does not
open is kept under no name, and told in the log. One process has the folder (a lock says so).
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemesh_executor_pywasm.sessions.file import SessionFile
from edgemesh_executor_pywasm.sessions.vault import Damaged, Vault
from mesh_service import errors

_log = logging.getLogger(__name__)
_ENDING = ".session"


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one tenant may have."""

    sessions: int
    nbytes: int
    session_nbytes: int
    """Of one session."""


class Entry:
    """One session, as the front knows it."""

    def __init__(self, tenant: str, id: str, file: SessionFile) -> None:
        self.tenant, self.id, self.file = tenant, id, file
        self.lock = asyncio.Lock()
        """Held by the call that it runs; others wait, in their order."""
        self.number = secrets.token_bytes(16)
        """No other state of any session has it; the worker that has it awake knows it by that."""
        self.worker = 0
        """The process that ran its last call."""
        self.used = file.used
        self.settled = True
        self.gone = False

    @property
    def deterministic(self) -> bool:
        """Whether it has fixed clocks and random numbers."""
        return bool(self.file.description.get("deterministic"))

    @property
    def environment(self) -> str:
        """Which one it was made in; empty: none."""
        return str(self.file.description.get("environment", ""))

    @property
    def fresh_random(self) -> bool:
        """Whether it is a fork, or in an environment, and has run nothing yet."""
        return self.file.description.get("forked_at") == self.file.calls

    def renumber(self) -> None:
        """It is another state: no worker has it."""
        self.number, self.worker = secrets.token_bytes(16), 0

    def touch(self) -> None:
        """It was used."""
        self.used, self.settled = time.time(), False


class Store:
    """Sessions below a folder."""

    def __init__(self, folder: Path, vault: Vault, quotas: Quotas, ttl_s: float) -> None:
        """Find those that there are. Raises OSError where another process has the folder."""
        self._folder, self._vault, self._quotas, self._ttl_s = folder, vault, quotas, ttl_s
        self._entries: dict[tuple[str, str], Entry] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in folder.glob(f"*/*{_ENDING}"):
            try:
                file = SessionFile(path, vault)
                tenant, id = str(file.description["tenant"]), str(file.description["id"])
            except (Damaged, OSError, KeyError) as error:
                _log.error("session %s is left alone: %s", path.name, error)
                continue
            self._entries[tenant, id] = Entry(tenant, id, file)

    @property
    def quotas(self) -> Quotas:
        """What one tenant may have."""
        return self._quotas

    @property
    def entries(self) -> list[Entry]:
        """All of them."""
        return list(self._entries.values())

    def of(self, tenant: str) -> Iterator[Entry]:
        """A tenant's, by name."""
        found = (entry for (owner, _), entry in self._entries.items() if owner == tenant)
        return iter(sorted(found, key=lambda entry: entry.id))

    def find(self, tenant: str, id: str) -> Entry:
        """One of a tenant's. Raises UnknownSession."""
        entry = self._entries.get((tenant, id))
        if entry is None or self.ended(entry):
            raise errors.UnknownSession(id)
        return entry

    def make(self, tenant: str, id: str, *, deterministic: bool = False) -> Entry:
        """A new one, with nothing in it. Raises SessionExists, QuotaExceeded."""
        path, description = self.place(tenant, id, deterministic=deterministic)
        return self.enter(tenant, id, SessionFile.make(path, self._vault, description))

    def place(
        self, tenant: str, id: str, *, deterministic: bool
    ) -> tuple[Path, dict[str, str | bool | float]]:
        """Where a new one goes, and its description. Raises SessionExists, QuotaExceeded."""
        there = self._entries.get((tenant, id))
        if there is not None:
            if not self.ended(there) or there.lock.locked():
                raise errors.SessionExists(id)
            self.remove(there)
        if sum(1 for owner, _ in self._entries if owner == tenant) >= self._quotas.sessions:
            raise errors.QuotaExceeded("sessions", self._quotas.sessions)
        self.check_room(tenant, 0)
        folder = hashlib.sha256(tenant.encode()).hexdigest()[:16]
        description = {
            "tenant": tenant,
            "id": id,
            "deterministic": deterministic,
            "created": time.time(),
        }
        return self._folder / folder / f"{secrets.token_hex(16)}{_ENDING}", description

    def enter(self, tenant: str, id: str, file: SessionFile) -> Entry:
        """Take a file that `place` had a place for."""
        entry = self._entries[tenant, id] = Entry(tenant, id, file)
        return entry

    def check_room(self, tenant: str, more: int) -> None:
        """Raise QuotaExceeded where a tenant's sessions would take more than they may."""
        total = sum(e.file.nbytes for (owner, _), e in self._entries.items() if owner == tenant)
        if total + more > self._quotas.nbytes:
            raise errors.QuotaExceeded("bytes of sessions", self._quotas.nbytes)

    def expires(self, entry: Entry) -> float:
        """When it ends unless it is used; 0: never."""
        return entry.used + self._ttl_s if self._ttl_s else 0.0

    def ended(self, entry: Entry) -> bool:
        """Whether nobody has used it for too long."""
        return bool(self._ttl_s) and not entry.lock.locked() and time.time() > self.expires(entry)

    def remove(self, entry: Entry) -> None:
        """Delete it."""
        entry.gone = True
        self._entries.pop((entry.tenant, entry.id), None)
        entry.file.remove()

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._lock)
