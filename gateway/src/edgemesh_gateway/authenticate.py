"""authenticate: whose request is this?

Rules: on loopback without a file of keys everyone is tenant `local`; otherwise a bearer API key
says it. The file holds SHA-256 digests, never keys. Every refusal is the same, whatever was wrong,
and digests are compared in constant time, so that nothing can be learnt by trying.

    [[keys]]
    tenant = "physics"
    sha256 = "…"            # printf %s "$KEY" | sha256sum
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mesh_service.errors import Unauthenticated
from mesh_service.stack import Rpc

LOCAL = "local"
_SCHEME = "bearer "
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BadKeys(Exception):
    """A file of keys cannot be used; says where and what was expected."""


class Authenticator:
    """Gives a call its tenant."""

    def __init__(self, keys: Mapping[str, str] | None) -> None:
        """`keys`: SHA-256 of a key, in hex → tenant; None: no identity is needed."""
        self._keys = keys

    def authenticate(self, rpc: Rpc) -> str:
        """The call's tenant. Raises Unauthenticated."""
        if self._keys is None:
            rpc.tenant = LOCAL
            return LOCAL
        given = rpc.header("authorization")
        key = given[len(_SCHEME) :] if given[: len(_SCHEME)].lower() == _SCHEME else ""
        digest = hashlib.sha256(key.encode()).hexdigest()
        found = ""
        for known, tenant in self._keys.items():
            if hmac.compare_digest(known, digest):
                found = tenant
        if not found or not key:
            raise Unauthenticated("metadata authorization: Bearer <API key>")
        rpc.tenant = found
        return found


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
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise BadKeys(f"{where}: tenant must be 1 to 128 characters of [A-Za-z0-9._-]")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest.lower()):
        raise BadKeys(f"{where} ({tenant}): sha256 must be the key's digest, 64 hex digits")
    if fields:
        raise BadKeys(f"{where} ({tenant}): only tenant and sha256, not {sorted(fields)[0]!r}")
    return digest.lower(), tenant
