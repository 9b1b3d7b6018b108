"""The public keys by which tokens are verified: a JWKS from a file or a URL.

Rules: looked at anew after `max_age_s`, when its file changes, and once when a token names a key
that is not there, which nobody can make happen more often than once in COOLDOWN_S. One that cannot
be read leaves the last in force. Only RSA keys of 2,048 bits and more, P-256 and Ed25519 are taken,
and a key serves the one algorithm that it is for. URLs are https, or of this machine; redirects are
not followed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mesh_service import logs

COOLDOWN_S = 10.0
TIMEOUT_S = 5.0
MOST_BYTES = 1 << 20
LEAST_RSA_BITS = 2048
ALGORITHMS = ("RS256", "ES256", "EdDSA")
_LOCAL = ("localhost", "127.0.0.1", "::1")


class BadKeySet(Exception):
    """It cannot be used; says why."""


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


class KeySet:
    """The keys of one source."""

    def __init__(
        self, source: str, max_age_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._max_age_s, self._clock = source, max_age_s, clock
        self._keys: Mapping[tuple[str, str], jwt.PyJWK] = {}
        self._tried = -COOLDOWN_S
        self._lock = asyncio.Lock()
        self.fetched = 0
        """How often its source was asked."""
        self.wrong = ""
        """Why what its source has now is not in force; empty: it is."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when keys have come or gone: what they verified is to be verified anew."""

    @property
    def path(self) -> Path | None:
        """Its file; None: it comes from a URL."""
        return None if is_url(self._source) else Path(self._source)

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of an id; without one the only key of an algorithm. None: there is none."""
        found = self._find(kid, algorithm)
        # Who comes while it is being read waits for that.
        if found is None and (self._due() or self._lock.locked()):
            async with self._lock:
                if self._due():
                    await self._load()
            found = self._find(kid, algorithm)
        return found

    async def refresh(self) -> None:
        """Look at its source now."""
        async with self._lock:
            await self._load()

    async def follow(self) -> None:
        """Look at its source after each `max_age_s`, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._max_age_s)

    def _due(self) -> bool:
        return self._clock() - self._tried >= COOLDOWN_S

    def _find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        if kid:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, of), key in self._keys.items() if of == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _load(self) -> None:
        self._tried = self._clock()
        self.fetched += 1
        try:
            content = await asyncio.to_thread(_read, self._source)
            keys = parse(content)
        except BadKeySet as error:
            self.wrong = str(error)
            logs.event("key set not read", level=logging.ERROR, source=self._source, why=str(error))
            return
        self.wrong = ""
        same = keys.keys() == self._keys.keys() and all(
            _public(key) == _public(self._keys[name]) for name, key in keys.items()
        )
        self._keys = keys
        if not same:
            logs.event("key set read", source=self._source, keys=len(keys))
            self.on_change()


def is_url(source: str) -> bool:
    """Whether it is no file."""
    return "://" in source


def check_url(source: str) -> None:
    """Raises BadKeySet for a URL that would not be asked."""
    parts = urlsplit(source)
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise BadKeySet("a file, or an https:// URL (http:// on this machine only)")


def parse(content: bytes) -> dict[tuple[str, str], jwt.PyJWK]:
    """Key id and algorithm → key, of those that can be used. Raises BadKeySet."""
    try:
        entries = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadKeySet("no JSON object with a list of keys") from None
    if not isinstance(entries, list):
        raise BadKeySet("no JSON object with a list of keys")
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    for number, entry in enumerate(cast(list[Any], entries)):
        if not isinstance(entry, dict):
            continue
        fields = cast(dict[str, Any], entry)
        try:
            key = jwt.PyJWK.from_dict(fields)
        except jwt.PyJWTError:
            continue
        algorithm = key.algorithm_name
        if fields.get("use", "sig") != "sig" or algorithm not in ALGORITHMS or "d" in fields:
            continue
        if getattr(key.key, "key_size", LEAST_RSA_BITS) < _least(algorithm):
            continue
        found[str(fields.get("kid") or f"#{number}"), algorithm] = key
    if not found:
        raise BadKeySet(f"no public key for {', '.join(ALGORITHMS)}")
    return found


def _least(algorithm: str) -> int:
    return LEAST_RSA_BITS if algorithm == "RS256" else 256


def _public(key: jwt.PyJWK) -> bytes:
    public: Any = key.key
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(source: str) -> bytes:
    try:
        if not is_url(source):
            with Path(source).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        else:
            check_url(source)
            opener = urllib.request.build_opener(_Straight())
            with opener.open(source, timeout=TIMEOUT_S) as answer:
                content = cast(bytes, answer.read(MOST_BYTES + 1))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BadKeySet(f"{type(error).__name__}: {error}") from None
    if len(content) > MOST_BYTES:
        raise BadKeySet(f"more than {MOST_BYTES} bytes")
    return content
