"""authenticate: whose request is this, and what may it do?

Rules: where no identity is needed everyone is tenant `local`; otherwise a bearer says it (an API
key of the file, one that was issued, a token), or else the certificate of the connection.
Every refusal is the same, whatever was wrong, and digests are compared in constant time, so that
nothing can be learnt by trying. What is decided here for a key is written into the data path's
table at once, and for a token or a certificate when it was seen. The file of keys holds SHA-256
digests, never keys:

    [[keys]]
    tenant = "physics"
    sha256 = "…"            # printf %s "$KEY" | sha256sum
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edgemesh_gateway.allowance import Allowance
from edgemesh_gateway.identity import credentials, issued
from edgemesh_gateway.identity.caller import Caller, bounded, is_tenant
from edgemesh_gateway.identity.credentials import BadToken, Certificate, Credentials
from edgemesh_gateway.identity.issued import Issued
from edgemesh_gateway.store import KeyRecord
from mesh_service import logs
from mesh_service.errors import Unauthenticated
from mesh_service.stack import Rpc

if TYPE_CHECKING:
    from edgemesh_gateway.identity.tokens import Tokens

LOCAL = "local"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BadKeys(Exception):
    """A file of keys cannot be used; says where and what was expected."""


class Authenticator:
    """Gives a call its caller."""

    def __init__(
        self,
        allowance: Allowance,
        *,
        everyone: bool = False,
        keys: Mapping[str, str] | None = None,
        issued: Issued | None = None,
        tokens: Tokens | None = None,
        relayed: bool = False,
    ) -> None:
        """`everyone`: no identity is needed. `keys`: SHA-256 of a key, in hex → tenant. `relayed`:
        whether all RPCs come through our own data path.
        """
        self._allowance, self._everyone = allowance, everyone
        self._keys = keys or {}
        self._issued, self._tokens, self._relayed = issued, tokens, relayed
        self.on_change: Callable[[], None] = lambda: None
        """Called when what was decided may be another now: `known` is to be asked again."""
        self.on_learnt: Callable[[bytes, Caller], None] = lambda _digest, _caller: None
        """Called with who was seen that `known` does not tell."""
        if issued is not None:
            issued.on_change = self.changed

    async def authenticate(self, rpc: Rpc, scope: str = "") -> Caller:
        """The call's caller, who has `scope`. Raises Unauthenticated, PermissionDenied."""
        caller = await self.identify(credentials.shown(rpc, relayed=self._relayed))
        rpc.tenant = caller.tenant
        if caller.who:
            rpc.notes["who"] = caller.who
        if scope:
            caller.demand(scope)
        return caller

    async def identify(self, shown: Credentials) -> Caller:
        """Who has shown these. Raises Unauthenticated."""
        if self._everyone:
            return self.local()
        if shown.given:
            caller = await self._bearer(shown)
        else:
            caller = None if shown.certificate is None else self._certificate(shown.certificate)
        if caller is None:
            raise Unauthenticated("metadata authorization: Bearer <API key or token>")
        return caller

    def local(self) -> Caller:
        """Everyone, where no identity is needed."""
        return self._caller(LOCAL, "", None, None)

    def known(self) -> tuple[Caller | None, dict[bytes, Caller]]:
        """Whom everyone is, if nobody needs an identity; and all keys' callers, by digest."""
        if self._everyone:
            return self.local(), {}
        found = {
            bytes.fromhex(digest): self._of_file(digest, tenant)
            for digest, tenant in self._keys.items()
        }
        for record in () if self._issued is None else self._issued.all():
            found[bytes.fromhex(record.sha256)] = self._of_issued(record)
        return None, found

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """From now on the file has these."""
        self._keys = keys
        self.changed()

    def keys_changed(self) -> None:
        """The keys that verify tokens are others now."""
        if self._tokens is not None:
            self._tokens.forget()
        self.changed()

    def changed(self) -> None:
        """Keys or policy are others now."""
        self.on_change()

    async def _bearer(self, shown: Credentials) -> Caller | None:
        bearer = shown.bearer
        digest = hashlib.sha256(bearer.encode()).hexdigest()
        found = ""
        for known, tenant in self._keys.items():
            if hmac.compare_digest(known, digest):
                found = tenant
        if found and bearer:
            return self._of_file(digest, found)
        record = None if self._issued is None else await self._issued.look(bearer)
        if record is not None:
            return self._of_issued(record)
        if self._tokens is None or bearer.count(".") != 2:
            return None
        try:
            said = await self._tokens.verify(bearer)
        except BadToken as error:
            logs.event("token refused", why=str(error))
            return None
        caller = self._caller(said.tenant, f"token:{said.subject}", said.scopes, said.until)
        self._learn(shown, caller)
        return caller

    def _certificate(self, certificate: Certificate) -> Caller | None:
        if not is_tenant(certificate.subject):
            logs.event("certificate refused", why="its common name is no tenant")
            return None
        name = certificate.subject
        caller = self._caller(name, f"certificate:{name}", None, certificate.until)
        self._learn(Credentials(certificate=certificate), caller)
        return caller

    def _learn(self, shown: Credentials, caller: Caller) -> None:
        if (digest := shown.digest) is not None:
            self.on_learnt(digest, caller)

    def _of_file(self, digest: str, tenant: str) -> Caller:
        return self._caller(tenant, f"key:{digest[:12]}", None, None)

    def _of_issued(self, record: KeyRecord) -> Caller:
        until = record.expires_ms / 1e3 or None
        return self._caller(record.tenant, f"key:{record.prefix}", issued.scopes(record), until)

    def _caller(
        self, tenant: str, who: str, scopes: tuple[str, ...] | None, until: float | None
    ) -> Caller:
        return Caller(tenant, who, bounded(scopes, self._allowance.scopes(tenant)), until)


def read_keys(path: Path) -> dict[str, str]:
    """The keys of a file, digest → tenant. Raises BadKeys."""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise BadKeys(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadKeys(f"{path}: {error}") from None
    entries = content.pop("keys", None)
    if content:
        raise BadKeys(f"{path}: only [[keys]] is known, not {sorted(content)[0]!r}")
    if not isinstance(entries, list) or not entries:
        raise BadKeys(f"{path}: at least one [[keys]] with tenant and sha256")
    keys: dict[str, str] = {}
    for number, entry in enumerate(cast(list[Any], entries), 1):
        digest, tenant = _entry(f"{path}: [[keys]] number {number}", entry)
        if digest in keys:
            raise BadKeys(f"{path}: [[keys]] number {number}: sha256 is there already")
        keys[digest] = tenant
    return keys


def _entry(where: str, entry: Any) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise BadKeys(f"{where}: a table with tenant and sha256")
    fields = cast(dict[str, Any], entry)
    tenant, digest = fields.pop("tenant", None), fields.pop("sha256", None)
    if not isinstance(tenant, str) or not is_tenant(tenant):
        raise BadKeys(f"{where}: tenant must be 1 to 128 characters of [A-Za-z0-9._-]")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest.lower()):
        raise BadKeys(f"{where} ({tenant}): sha256 must be the key's digest, 64 hex digits")
    if fields:
        raise BadKeys(f"{where} ({tenant}): only tenant and sha256, not {sorted(fields)[0]!r}")
    return digest.lower(), tenant
