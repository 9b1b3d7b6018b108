"""The table of chains; their steps are jobs.

Rules: those of `records`. Whoever ends a job of a chain locks the chain first and its jobs after,
so that two who end two of them wait for each other and do not stand in each other's way.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from edgemesh_gateway.store.job_records import ID, REQUEST_ID
from edgemesh_gateway.store.records import DIGEST, TENANT, Base


class ChainRecord(Base, kw_only=True):
    """A chain."""

    __tablename__ = "chains"
    __table_args__ = (
        UniqueConstraint("tenant", "request_id", name="chains_by_request_id"),
        Index("chains_by_expiry", "expires_ms"),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(TENANT))
    request_id: Mapped[str | None] = mapped_column(String(REQUEST_ID))
    digest: Mapped[str] = mapped_column(String(DIGEST))
    """Of its steps."""
    state: Mapped[int] = mapped_column(Integer)
    """A compute.v1.JobState: RUNNING, SUCCEEDED or FAILED."""
    created_ms: Mapped[int] = mapped_column(BigInteger)
    ended_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    expires_ms: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """When it is forgotten with its jobs; None: it has not ended."""
