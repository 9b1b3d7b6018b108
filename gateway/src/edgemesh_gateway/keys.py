"""KeyService, and what the command line does with keys.

Rules: whoever manages keys has the scope `admin`. A key's secret is in the answer that made it and
nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from edgemesh.compute.v1 import key_pb2

from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.identity.caller import ADMIN, MOST_SCOPE, MOST_SCOPES, is_scope, is_tenant
from edgemesh_gateway.identity.issued import Issued, mint
from edgemesh_gateway.store import KeyRecord, KeyStore
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = key_pb2.DESCRIPTOR.services_by_name["KeyService"].full_name
MOST_NOTE = 200
MOST_LIFETIME_S = 10 * 366 * 86_400


class Keys:
    """The servicer of KeyService."""

    def __init__(self, authenticator: Authenticator, store: KeyStore, issued: Issued) -> None:
        self._authenticator, self._store, self._issued = authenticator, store, issued

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "CreateKey": ("unary", self._create),
            "ListKeys": ("unary", self._list),
            "RevokeKey": ("unary", self._revoke),
        }

    async def _create(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc, ADMIN)
        request = parse(key_pb2.CreateKeyRequest, raw)
        key, secret = await create(
            self._store,
            request.tenant,
            list(request.scopes),
            request.note,
            request.lifetime_s,
            by=f"{caller.tenant} {caller.who}",
        )
        rpc.notes |= {"key": key.prefix, "of_tenant": key.tenant}
        await self._issued.refresh()
        return key_pb2.CreateKeyResponse(key=told(key), secret=secret).SerializeToString()

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        await self._authenticator.authenticate(rpc, ADMIN)
        request = parse(key_pb2.ListKeysRequest, raw)
        valid_at = None if request.all else now_ms()
        found = await self._store.find(request.tenant, request.prefix, valid_at)
        return key_pb2.ListKeysResponse(keys=[told(key) for key in found]).SerializeToString()

    async def _revoke(self, raw: bytes, rpc: Rpc) -> bytes:
        await self._authenticator.authenticate(rpc, ADMIN)
        request = parse(key_pb2.RevokeKeyRequest, raw)
        key = await revoke(self._store, request.prefix)
        rpc.notes |= {"key": key.prefix, "of_tenant": key.tenant}
        await self._issued.refresh()
        return key_pb2.RevokeKeyResponse(key=told(key)).SerializeToString()


async def create(
    store: KeyStore,
    tenant: str,
    scopes: Sequence[str],
    note: str,
    lifetime_s: int,
    *,
    by: str,
) -> tuple[KeyRecord, str]:
    """Make a key and keep it; what is kept, and the secret. Raises InvalidRequest."""
    if violations := list(_violations(tenant, scopes, note, lifetime_s)):
        raise errors.InvalidRequest(violations)
    minted, now = mint(), now_ms()
    record = KeyRecord(
        prefix=minted.prefix,
        tenant=tenant,
        sha256=minted.digest,
        scopes=" ".join(scopes),
        note=note,
        created_by=by[:400],
        created_ms=now,
        expires_ms=now + lifetime_s * 1000 if lifetime_s else 0,
        revoked_ms=0,
    )
    await store.add(record)
    return record, minted.secret


async def revoke(store: KeyStore, prefix: str) -> KeyRecord:
    """Revoke a key; what is kept of it. Raises UnknownKey."""
    record = await store.revoke(prefix, now_ms())
    if record is None:
        raise errors.UnknownKey(prefix)
    return record


def told(record: KeyRecord) -> key_pb2.Key:
    """What may be known of a key."""
    return key_pb2.Key(
        prefix=record.prefix,
        tenant=record.tenant,
        note=record.note,
        scopes=record.scopes.split(),
        created_ms=record.created_ms,
        expires_ms=record.expires_ms,
        revoked_ms=record.revoked_ms,
    )


def now_ms() -> int:
    """The time as it is kept."""
    return time.time_ns() // 1_000_000


def _violations(
    tenant: str, scopes: Sequence[str], note: str, lifetime_s: int
) -> Iterator[Violation]:
    if not is_tenant(tenant):
        yield Violation("tenant", "1 to 128 characters of [A-Za-z0-9._-]")
    if len(scopes) > MOST_SCOPES:
        yield Violation("scopes", f"at most {MOST_SCOPES}, not {len(scopes)}")
    for index, scope in enumerate(scopes[:MOST_SCOPES]):
        if not is_scope(scope):
            expected = f"a name, or a beginning of names and *; at most {MOST_SCOPE} characters"
            yield Violation(f"scopes[{index}]", expected)
    if len(note) > MOST_NOTE:
        yield Violation("note", f"at most {MOST_NOTE} characters")
    if not 0 <= lifetime_s <= MOST_LIFETIME_S:
        yield Violation("lifetime_s", f"0 to {MOST_LIFETIME_S}")
