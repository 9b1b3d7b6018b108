"""What webhooks are signed with: a secret for each tenant, in one TOML file, and the signature.

Rules: no error, log or repr has a secret. Several secrets of a tenant sign all, so that a receiver
may change from one to the next.

    [secrets]
    physics = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"     # base64 of 24 to 64 random bytes
    chemistry = ["whsec_…", "whsec_…"]                       # the newer first
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from edgemesh_gateway.identity.caller import is_tenant

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a secret."""
MOST_OF_ONE = 4


class BadSecrets(Exception):
    """A file of secrets cannot be used; says where and what was expected."""


class Secrets:
    """The secrets of all tenants."""

    def __init__(self, path: Path | None) -> None:
        """Raises BadSecrets."""
        self._path = path
        self._of: Mapping[str, Sequence[bytes]] = {}
        self.read()

    def read(self) -> None:
        """Read the file anew. Raises BadSecrets, and then changes nothing."""
        if self._path is not None:
            self._of = read_secrets(self._path)

    def __repr__(self) -> str:
        return f"<Secrets of {len(self._of)} tenants>"

    def has(self, tenant: str) -> bool:
        """Whether anything of a tenant can be signed."""
        return tenant in self._of

    def signatures(self, tenant: str, id: str, at_s: int, body: bytes) -> str:
        """The header of that name. Raises KeyError where the tenant has no secret."""
        content = f"{id}.{at_s}.".encode() + body
        made = (hmac.digest(secret, content, hashlib.sha256) for secret in self._of[tenant])
        return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made)


def read_secrets(path: Path) -> dict[str, list[bytes]]:
    """Those of a file. Raises BadSecrets."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(path.stat().st_mode) & 0o007:
                raise BadSecrets(f"{path}: everybody on this machine may read or write it")
            content = tomllib.load(file)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSecrets(f"{path}: {getattr(error, 'strerror', None) or 'no text'}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSecrets(f"{path}: {error}") from None
    table = content.pop("secrets", None)
    if content or not isinstance(table, dict):
        raise BadSecrets(f"{path}: one table, [secrets]: <tenant> = <secret>, or a list of them")
    found: dict[str, list[bytes]] = {}
    for tenant, given in cast("dict[str, Any]", table).items():
        where = f"{path}: secrets.{tenant}"
        if not is_tenant(tenant):
            raise BadSecrets(f"{where}: a tenant's name: 1 to 128 characters of [A-Za-z0-9._-]")
        listed = cast("list[Any]", given) if isinstance(given, list) else [given]
        if not 0 < len(listed) <= MOST_OF_ONE:
            raise BadSecrets(f"{where}: 1 to {MOST_OF_ONE} secrets")
        found[tenant] = [_secret(where, each) for each in listed]
    return found


def _secret(where: str, text: Any) -> bytes:
    expected = f"{where}: {PREFIX} and the base64 of {LEAST} to {MOST} bytes"
    if not isinstance(text, str) or not text.startswith(PREFIX):
        raise BadSecrets(expected)
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecrets(expected) from None
    if not LEAST <= len(secret) <= MOST:
        raise BadSecrets(expected)
    return secret
