"""Who looks: a user's key, their client of the mesh, and what they did here.

Rules: a key is in this process's memory only, and forgotten when its user signs out, stays away for
`session_s`, or the process ends; a browser has a cookie that names the visit, and is HttpOnly. A
user's client has that user's key or none: never one of the environment's.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections import deque
from dataclasses import dataclass, field

from edgemesh_client import (
    AsyncClient,
    ConfigurationError,
    EdgemeshError,
    PermissionDenied,
    Unauthenticated,
)
from edgemesh_dashboard.settings import Settings

MOST_VISITORS = 10_000
MOST_MADE = 50
_ASKING_S = 2.0
_FRESH_S = 30.0


class Standing(enum.Enum):
    """What the gateway says of a visitor."""

    OWNER = "may manage keys and see all tenants"
    KNOWN = "may call it"
    UNKNOWN = "must show a key"
    AWAY = "does not answer"


@dataclass(frozen=True, slots=True)
class Made:
    """A request that was made here."""

    request_id: str
    algorithm: str
    outcome: str


@dataclass(eq=False)
class Visitor:
    """One browser's user."""

    settings: Settings
    key: str = field(default="", repr=False)
    dark: bool | None = None
    """None: as the browser is set."""
    used: float = field(default_factory=time.monotonic)
    made: deque[Made] = field(default_factory=lambda: deque(maxlen=MOST_MADE))
    _client: AsyncClient | None = field(default=None, repr=False)
    _standing: tuple[float, Standing] | None = None

    @property
    def client(self) -> AsyncClient:
        """Their client, made where it is first used. Raises ConfigurationError."""
        self.used = time.monotonic()
        if self._client is None:
            self._client = client_of(self.settings, self.key)
        return self._client

    async def standing(self) -> Standing:
        """What they may do; asked anew after a while, and while the gateway does not answer."""
        now = time.monotonic()
        if self._standing is not None and now - self._standing[0] < _FRESH_S:
            return self._standing[1]
        if not self.key and not self.settings.on_loopback:
            return Standing.UNKNOWN
        found = await ask(self.client)
        self._standing = (now, found) if found in (Standing.OWNER, Standing.KNOWN) else None
        return found

    async def sign_in(self, key: str) -> Standing:
        """Take this key, if the gateway knows it. Raises ConfigurationError, SignInRefused."""
        candidate = client_of(self.settings, key)
        found = await ask(candidate)
        if found in (Standing.UNKNOWN, Standing.AWAY):
            await candidate.close()
            return found
        if not self.settings.on_loopback:
            # A gateway that asks nobody takes any key: here that would open it to the network.
            async with client_of(self.settings, "") as nobody:
                if await ask(nobody) is not Standing.UNKNOWN:
                    await candidate.close()
                    raise SignInRefused(
                        "the gateway takes callers without a key, so that a dashboard beyond "
                        "loopback would open it to everybody"
                    )
        await self.close()
        self.key, self._client = key, candidate
        self._standing = (time.monotonic(), found)
        return found

    async def close(self) -> None:
        """Forget the key, and end what runs with it."""
        client, self._client = self._client, None
        self.key, self._standing = "", None
        self.made.clear()
        if client is not None:
            await client.close()


class SignInRefused(Exception):
    """A key is not taken, for a reason that is not the key's."""


class Visitors:
    """All of them, by the name of their visit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_visit: dict[str, Visitor] = {}

    def of(self, visit: str) -> Visitor:
        """The visitor; a new one where the visit is new."""
        visitor = self._by_visit.pop(visit, None) or Visitor(self._settings)
        visitor.used = time.monotonic()
        self._by_visit[visit] = visitor  # the last in order
        return visitor

    async def sweep(self) -> None:
        """Forget those who stayed away, and the oldest where there are too many."""
        oldest = time.monotonic() - self._settings.session_s
        gone = [visit for visit, each in self._by_visit.items() if each.used < oldest]
        beyond = len(self._by_visit) - len(gone) - MOST_VISITORS
        if beyond > 0:
            gone += [visit for visit in self._by_visit if visit not in gone][:beyond]
        await asyncio.gather(*(self._by_visit.pop(visit).close() for visit in gone))

    async def close(self) -> None:
        """Forget all."""
        everybody = list(self._by_visit.values())
        self._by_visit.clear()
        await asyncio.gather(*(each.close() for each in everybody))


def client_of(settings: Settings, key: str) -> AsyncClient:
    """A client with this key; with an empty one none is shown. Raises ConfigurationError."""
    if key and not key.strip():
        raise ConfigurationError("api_key", "not empty")
    # A token that is empty keeps the client from looking for a key in the environment.
    return AsyncClient(settings.gateway, api_key=key or None, token="", ca=settings.ca)


async def ask(client: AsyncClient) -> Standing:
    """What the gateway says of who has this client."""
    try:
        async with asyncio.timeout(_ASKING_S):
            await client.keys()
    except PermissionDenied:
        return Standing.KNOWN
    except Unauthenticated:
        return Standing.UNKNOWN
    except (EdgemeshError, TimeoutError):
        return Standing.AWAY
    return Standing.OWNER
