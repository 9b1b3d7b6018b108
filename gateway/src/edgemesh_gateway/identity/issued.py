"""API keys that the gateway has issued, as far as a call needs them.

Rules: a key is `em_`, a prefix and a secret of 256 random bits, so that one SHA-256 is all that
guessing it takes no less than; the digest is kept, the key is not. All keys that are valid are in
memory; what this gateway does itself is known at once, what another or the command line does within
FRESH_S, but a new key when it is shown: where nothing known fits, the database is looked into, once
in BETWEEN_S for all who ask. Whether its prefix is known makes no difference: the time of a refusal
tells nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.store import KeyRecord, KeyStore
from mesh_service import logs

FRESH_S = 1.0
"""How old what is known of the database may be."""
BETWEEN_S = 0.1
"""Between two looks for keys that are not known, at least."""
MARK = "em_"
PREFIX = len(MARK) + 12
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key, which is shown once."""

    secret: str
    prefix: str
    digest: str


def mint() -> Minted:
    """Make a key."""
    prefix = MARK + "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX - len(MARK)))
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    return Minted(secret, prefix, digest(secret))


def digest(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def scopes(record: KeyRecord) -> tuple[str, ...] | None:
    """A key's own scopes; None: what its tenant may."""
    return tuple(record.scopes.split()) or None


class Issued:
    """The keys that are valid now."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._by_prefix: Mapping[str, KeyRecord] = {}
        self._mark: tuple[int, ...] = ()
        self._reading = asyncio.Lock()
        self._looked = 0.0
        self._next: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when keys have come or gone."""

    def find(self, secret: str) -> KeyRecord | None:
        """The valid key that this is."""
        record = self._by_prefix.get(secret[:PREFIX])
        known = _NOBODY if record is None else record.sha256
        fits = hmac.compare_digest(known, digest(secret))
        if record is None or not fits:
            return None
        return record if not record.expires_ms or record.expires_ms > self._now() else None

    async def look(self, secret: str) -> KeyRecord | None:
        """The same, after a look into the database where nothing known fits."""
        found = self.find(secret)
        if found is not None or not secret.startswith(MARK):
            return found
        if self._next is None:
            self._next = asyncio.create_task(self._look(), name="look for a key")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FRESH_S):
                await asyncio.shield(self._next)
        return self.find(secret)

    def all(self) -> list[KeyRecord]:
        """All that are valid."""
        return list(self._by_prefix.values())

    async def refresh(self) -> None:
        """Look into the database, if anything has changed there."""
        async with self._reading:  # what is read first must not be known last
            await self._read()

    async def follow(self) -> None:
        """Do so for ever. A database that is away leaves what was known."""
        away = False
        while True:
            await asyncio.sleep(FRESH_S)
            try:
                await self.refresh()
                away = False
            except SQLAlchemyError as error:
                if not away:
                    logs.event("keys not read", level=logging.ERROR, why=type(error).__name__)
                away = True

    async def _look(self) -> None:
        await asyncio.sleep(self._looked + BETWEEN_S - time.monotonic())
        async with self._reading:
            self._next = None  # a key that is shown from now on may be newer than this look
            self._looked = time.monotonic()
            with contextlib.suppress(SQLAlchemyError):  # `follow` tells of it
                await self._read()

    async def _read(self) -> None:
        mark = await self._store.mark()
        if mark != self._mark:
            records = await self._store.valid(self._now())
            self._by_prefix = {record.prefix: record for record in records}
            self._mark = mark
            self.on_change()

    def _now(self) -> int:
        return int(self._clock() * 1e3)
