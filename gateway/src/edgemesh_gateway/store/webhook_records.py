"""The table of what is owed to webhooks: a row for each job that has ended and is to be told.

Rules: those of `records`. A row is made in the transaction of its job's end, so that none is
missed. Who sends it has moved `due_ms` on before, so that nobody else does meanwhile, and says what
came of it by the number of the try that it means: what comes too late changes nothing.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from edgemesh_gateway.store.job_records import ID
from edgemesh_gateway.store.records import TENANT, Base


class WebhookRecord(Base, kw_only=True):
    """One."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("webhooks_by_time", "state", "due_ms"),)

    job: Mapped[str] = mapped_column(String(ID), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(TENANT))
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """What is sent, the same each time."""
    state: Mapped[int] = mapped_column(Integer)
    """A compute.v1.WebhookState."""
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger)
    """Not before; while it is being sent, when another may take it to have been lost."""
    ended_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    last_status: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
