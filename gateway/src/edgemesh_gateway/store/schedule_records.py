"""The table of schedules.

Rules: those of `records`. What a schedule hands in is kept as the columns of a job, so that a time
that comes copies them and reads no message.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from edgemesh_gateway.store.job_records import ID
from edgemesh_gateway.store.records import TENANT, Base


class ScheduleRecord(Base, kw_only=True):
    """A schedule."""

    __tablename__ = "schedules"
    __table_args__ = (Index("schedules_by_time", "due_ms"),)

    tenant: Mapped[str] = mapped_column(String(TENANT), primary_key=True)
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    cron: Mapped[str] = mapped_column(String(128))
    time_zone: Mapped[str] = mapped_column(String(64))
    missed: Mapped[int] = mapped_column(Integer)
    """A compute.v1.MissedFirings."""
    paused: Mapped[bool] = mapped_column(Boolean, default=False)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int | None] = mapped_column(BigInteger)
    """The time that comes next; None: none does, or it is paused."""
    last_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last time that made a job."""
    last_job: Mapped[str] = mapped_column(String(ID), default="")
    fired: Mapped[int] = mapped_column(BigInteger, default=0)
    skipped: Mapped[int] = mapped_column(BigInteger, default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    template: Mapped[str] = mapped_column(Text)
    """Columns of its jobs, as JSON."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """A serialised compute.v1.ComputeRequest, as it came."""
