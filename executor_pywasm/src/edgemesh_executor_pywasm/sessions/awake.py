"""In a worker: the sessions that it has in memory.

Rules: which state is right the front says, by a number and a count of calls; what does not fit is
dropped, and asked for. The least lately used go to sleep when all together are over their bytes:
the front has them, so that is closing them.
"""

from __future__ import annotations

from collections import OrderedDict

from edgemesh_sandbox import Sandbox, Session, SnapshotError
from mesh_service.executor.call import DETERMINISTIC, FRESH_RANDOM, SessionOf, UnusableSession
from mesh_service.pool import BackCallFailed


class Awake:
    """Sessions by the front's number."""

    def __init__(self, sandbox: Sandbox, most_bytes: int) -> None:
        self._sandbox, self._most = sandbox, most_bytes
        self._sessions: OrderedDict[bytes, tuple[Session, int, int]] = OrderedDict()

    def take(self, wanted: SessionOf, deterministic: bool) -> Session:
        """The session in that state; out of here until `give`. Raises `UnusableSession`.

        `deterministic`: what a new one is.
        """
        session, calls, _ = self._sessions.pop(wanted.number, (None, 0, 0))
        if session is not None:
            if calls == wanted.calls:
                return session
            session.close()
        return self._woken(wanted, deterministic)

    def give(self, number: bytes, session: Session, calls: int) -> None:
        """Keep it, in the state after so many calls."""
        self._sessions[number] = (session, calls, session.nbytes)
        total = sum(nbytes for _, _, nbytes in self._sessions.values())
        while total > self._most and len(self._sessions) > 1:
            _, (oldest, _, nbytes) = self._sessions.popitem(last=False)
            oldest.close()
            total -= nbytes

    def close(self) -> None:
        """Close all."""
        for session, _, _ in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _woken(self, wanted: SessionOf, deterministic: bool) -> Session:
        pieces: list[bytes] = []
        at = 0
        try:
            while piece := wanted.ask(at.to_bytes(8, "little")):
                pieces.append(piece)
                at += len(piece)
        except BackCallFailed:
            raise UnusableSession("what was stored", "other bytes, or none") from None
        data = b"".join(pieces)
        flags, state = data[0], memoryview(data)[1:]
        if not state:
            fixed = deterministic or bool(flags & DETERMINISTIC)
            return self._sandbox.session(deterministic=fixed, undo=0)
        try:
            return self._sandbox.wake(state, undo=0, fresh_random=bool(flags & FRESH_RANDOM))
        except SnapshotError as error:
            raise UnusableSession(
                f"{error.field}: {error.expected}", f"{error.field}: {error.found}"
            ) from None
