"""The tables, and their rows.

Rules: a row belongs to a tenant; what is unique is unique within one. Times are milliseconds since
1970. A program's bytes and an environment's message are kept as they were serialised, beside the
columns that are asked for.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

NAME = 200
VERSION = 54
TENANT = 128
DIGEST = 64


class Base(MappedAsDataclass, DeclarativeBase):
    """All of them."""


class AlgorithmRecord(Base, kw_only=True):
    """One version of a registered algorithm."""

    __tablename__ = "algorithms"
    __table_args__ = (Index("algorithms_by_name", "name"),)

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME), primary_key=True)
    version: Mapped[str] = mapped_column(String(VERSION), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    """Counts a name's registrations: the highest is the one that a bare name means."""
    digest: Mapped[str] = mapped_column(String(DIGEST))
    """Of `program`."""
    program: Mapped[bytes] = mapped_column(LargeBinary)
    """A serialised executor.v1.Program."""
    sha256: Mapped[str] = mapped_column(String(DIGEST))
    """Of the code."""
    shared: Mapped[bool] = mapped_column(Boolean)
    environment: Mapped[str] = mapped_column(String(DIGEST))
    """An environment's id, or empty."""
    request: Mapped[str] = mapped_column(String(DIGEST))
    """Digest of what was asked for: asked for again, it is the same registration."""
    created_ms: Mapped[int] = mapped_column(BigInteger)


class EnvironmentRecord(Base, kw_only=True):
    """An environment that a tenant has made."""

    __tablename__ = "environments"

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    id: Mapped[str] = mapped_column(String(DIGEST), primary_key=True)
    lock: Mapped[str] = mapped_column(Text)
    environment: Mapped[bytes] = mapped_column(LargeBinary)
    """A serialised compute.v1.Environment."""
    created_ms: Mapped[int] = mapped_column(BigInteger)


class SessionRecord(Base, kw_only=True):
    """A session and the executor that holds it."""

    __tablename__ = "sessions"

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    id: Mapped[str] = mapped_column(String(DIGEST * 2), primary_key=True)
    executor: Mapped[str] = mapped_column(String(TENANT))
    session: Mapped[bytes] = mapped_column(LargeBinary)
    """What is known of it, serialised; for its service."""
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
    """When it may be forgotten; 0: never."""


class KeyRecord(Base, kw_only=True):
    """An API key, but for what opens anything."""

    __tablename__ = "keys"

    prefix: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(TENANT))
    sha256: Mapped[str] = mapped_column(String(DIGEST))
    """Of the key: it has 256 random bits, so that a slow hash would protect nothing."""
    scopes: Mapped[str] = mapped_column(Text)
    """Its own, with blanks between; empty: what its tenant may."""
    note: Mapped[str] = mapped_column(String(NAME))
    created_by: Mapped[str] = mapped_column(String(NAME * 2))
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
    """0: never."""
    revoked_ms: Mapped[int] = mapped_column(BigInteger)
    """0: it is not."""


class ComputeRecord(Base, kw_only=True):
    """How long a tenant's calls have held slots on a day of UTC."""

    __tablename__ = "compute"

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """As 2026-01-31."""
    seconds: Mapped[float] = mapped_column(Double)


class UsageRecord(Base, kw_only=True):
    """What a tenant's calls of one algorithm used on a day of UTC."""

    __tablename__ = "usage"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """As 2026-01-31."""
    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Without its version."""
    calls: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    compute_us: Mapped[int] = mapped_column(BigInteger)
    request_bytes: Mapped[int] = mapped_column(BigInteger)
    response_bytes: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)


class RequestRecord(Base, kw_only=True):
    """What became of a request; only where gateways share the database."""

    __tablename__ = "requests"
    __table_args__ = (Index("requests_by_end", "ended_ms"),)

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    ended_ms: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[bytes] = mapped_column(LargeBinary)
    """A serialised compute.v1.RequestRecord."""
