"""JSON Web Tokens: whose call is it, by what an issuer has signed?

PyJWT verifies: the field's most used library, with an allow-list of algorithms that nobody can
leave out, and `cryptography` beneath, which reads certificates here anyway.

Rules: a secret verifies HS256 and nothing else, public keys never verify HS256, and a public key
only the algorithm that it is for, so no token chooses how it is looked at. Issuer, audience and
expiry are demanded. What was verified is not verified again until it expires or keys change.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import jwt

from edgemesh_gateway.identity.caller import MOST_SCOPES, is_scope, is_tenant
from edgemesh_gateway.identity.credentials import BadToken
from edgemesh_gateway.identity.key_set import ALGORITHMS, KeySet

MOST_TOKEN = 16 << 10
MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    audience: str
    leeway_s: float
    tenant_claim: str
    scopes_claim: str
    """Empty: a token's scopes are those of its tenant."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What one says."""

    tenant: str
    subject: str
    scopes: tuple[str, ...] | None
    until: float


class Tokens:
    """Verifies tokens."""

    def __init__(
        self,
        expected: Expected,
        secret: str | None,
        keys: KeySet | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._expected, self._secret, self.keys = expected, secret, keys
        self._clock = clock
        self._known: dict[bytes, Verified] = {}

    def forget(self) -> None:
        """Keys have changed."""
        self._known.clear()

    async def verify(self, token: str) -> Verified:
        """What a token says. Raises BadToken."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known.until:
            return known
        verified = self._read(await self._claims(token))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[digest] = verified
        return verified

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MOST_TOKEN:
            raise BadToken("too long")
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid", "")
            if "crit" in header or "b64" in header:
                raise BadToken("its header demands what is not known here")
            key: Any = None
            if algorithm == "HS256":
                key = self._secret
            elif algorithm in ALGORITHMS and self.keys is not None and isinstance(kid, str):
                found = await self.keys.key(kid, algorithm)
                key = None if found is None else found.key
            if key is None:
                raise BadToken(f"no key for {str(algorithm)[:16]!r}")
            expected = self._expected
            return jwt.decode(
                token,
                key,
                algorithms=[str(algorithm)],
                issuer=expected.issuer,
                audience=expected.audience,
                leeway=expected.leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise BadToken(type(error).__name__) from None

    def _read(self, claims: dict[str, Any]) -> Verified:
        expected = self._expected
        tenant = claims.get(expected.tenant_claim)
        if not isinstance(tenant, str) or not is_tenant(tenant):
            raise BadToken(f"claim {expected.tenant_claim} is no tenant")
        until = float(claims["exp"]) + expected.leeway_s
        subject = str(claims.get("sub", ""))[:128]
        if not expected.scopes_claim:
            return Verified(tenant, subject, None, until)
        given = claims.get(expected.scopes_claim, ())
        # As of OAuth one text, or a list.
        listed = given.split() if isinstance(given, str) else given
        if not isinstance(listed, list | tuple):
            raise BadToken(f"claim {expected.scopes_claim} is no list of scopes")
        named = [each for each in cast(list[Any], listed) if isinstance(each, str)]
        scopes = tuple(each for each in named[:MOST_SCOPES] if is_scope(each))
        return Verified(tenant, subject, scopes, until)
