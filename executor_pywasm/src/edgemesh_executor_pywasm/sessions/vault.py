"""Encryption at rest: AES-256-GCM, with what a record is and where it lies as its context.

Rules: the key is a setting, or a file beside the sessions that is made at the first start,
readable by the executor's user alone. What does not open is damaged, or another key's; which,
nobody can tell.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
OVERHEAD = 12 + 16
"""Bytes that a sealed record is longer."""

_NONCE = 12


class Damaged(Exception):
    """A file or a record is not what was written."""


class Vault:
    """Seals and opens records with one key."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        self._cipher = AESGCM(key)

    def seal(self, data: bytes | memoryview, context: bytes) -> bytes:
        """`data`, so that it opens with the same context only."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed. Raises `Damaged`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError):
            raise Damaged("a record does not open with this key") from None


def key_of(folder: Path) -> bytes:
    """The key in the folder's file `key`, made where there is none. Raises `Damaged`, OSError."""
    path = folder / "key"
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if path.stat().st_mode & 0o077:
            raise Damaged(f"{path}: others may read it") from None
        if len(key) != KEY_BYTES:
            raise Damaged(f"{path}: {KEY_BYTES} bytes expected, not {len(key)}") from None
        return key
    with os.fdopen(made, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
