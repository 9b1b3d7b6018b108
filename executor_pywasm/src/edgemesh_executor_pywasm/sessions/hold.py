"""A session that one call holds: its state for the worker, and what the call has changed.

Rules: a worker is asked for all of a session now and then, so that the file does not grow with each
call; what a call has changed is in the file before it is answered.
"""

from __future__ import annotations

import asyncio
import functools
import logging

from edgemesh_executor_pywasm.sessions.file import CHANGE, FULL
from edgemesh_executor_pywasm.sessions.store import Entry, Store
from edgemesh_executor_pywasm.sessions.vault import Damaged
from mesh_service import errors
from mesh_service.executor.call import DETERMINISTIC, FRESH_RANDOM

UNDO = 10
"""Calls that can be undone, at least where there were as many."""

_log = logging.getLogger(__name__)
_PIECE = 4 << 20
_INLINE = 1 << 20
"""What is written on the loop; more is written beside it."""
_MOST_CHANGES, _LEAST_BYTES = 10, 1 << 20
"""Changes after which all of a session is asked for; or when they are more than twice it."""
_MOST_SUPERFLUOUS = 16 << 20


class Hold:
    """A session that a call holds."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store, self._entry = store, entry
        self.number, self.calls, self.worker = entry.number, entry.file.calls, entry.worker
        self.most_bytes = 2 * store.quotas.session_nbytes
        count, nbytes = entry.file.since_full
        self.whole = count >= _MOST_CHANGES or nbytes > max(_LEAST_BYTES, 2 * _first(entry))
        self._state: bytes | None = None

    async def tell(self, question: bytes) -> bytes:
        """A piece of its state from a byte on."""
        entry = self._entry
        if self._state is None:
            flags = FRESH_RANDOM * entry.fresh_random | DETERMINISTIC * entry.deterministic
            try:
                read = entry.file.state
                large = entry.file.nbytes > _INLINE
                state = await asyncio.to_thread(read) if large else read()
            except (Damaged, OSError) as error:
                _log.error("session %s cannot be read: %s", entry.file.path.name, error)
                raise errors.UnusableSession("what was stored", f"other bytes: {error}") from None
            self._state = bytes([flags]) + state
        at = int.from_bytes(question[:8], "little")
        return self._state[at : at + _PIECE]

    async def keep(self, change: memoryview, worker: int) -> None:
        """Append what a call has changed. Raises QuotaExceeded, Internal."""
        entry, quotas = self._entry, self._store.quotas
        if change.nbytes > quotas.session_nbytes:
            raise errors.QuotaExceeded("bytes of a session", quotas.session_nbytes)
        self._store.check_room(entry.tenant, change.nbytes)
        _, behind = entry.file.since_full
        if not self.whole and behind + change.nbytes > 3 * quotas.session_nbytes:
            raise errors.QuotaExceeded("bytes of a session", quotas.session_nbytes)
        kind = FULL if self.whole else CHANGE
        append = functools.partial(entry.file.append, kind, self.calls + 1, change)
        try:
            if change.nbytes > _INLINE:
                await asyncio.shield(asyncio.to_thread(append))
            else:
                append()
        except OSError as error:
            _log.error("session %s cannot be written: %s", entry.file.path.name, error)
            raise errors.QuotaExceeded("bytes on the executor's disk", 0) from None
        entry.worker = worker
        entry.touch()
        if kind == FULL and entry.file.superfluous(UNDO) > _MOST_SUPERFLUOUS:
            await self._trim(entry)

    async def _trim(self, entry: Entry) -> None:
        try:
            await asyncio.shield(asyncio.to_thread(entry.file.settle, UNDO, pack=False))
        except (Damaged, OSError) as error:
            _log.error("session %s cannot be written anew: %s", entry.file.path.name, error)


def _first(entry: Entry) -> int:
    """Bytes of the last record that was all of it; the first change is that too."""
    full = [record.length for record in entry.file.records[1:2]]
    full += [record.length for record in entry.file.records if record.kind == FULL]
    return full[-1] if full else 0
