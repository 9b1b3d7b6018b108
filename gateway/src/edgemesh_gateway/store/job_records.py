"""The tables of jobs: jobs, what happened to them, and the gateways that hold some.

Rules: those of `records`. A running job belongs to the owner that it names, as long as that one
renews its lease; whoever writes about a job names the owner and the attempt that it means, so that
what comes too late changes nothing. Large requests and results are files: `None` here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from edgemesh_gateway.store.records import DIGEST, TENANT, Base

ID = 32
ALGORITHM = 255
REQUEST_ID = 128

ERROR, RESPONSE = 1, 2
"""What a result is; 0: there is none."""


class JobRecord(Base, kw_only=True):
    """A job."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("tenant", "request_id", name="jobs_by_request_id"),
        Index("jobs_by_turn", "state", "tenant", "namespace", "priority", "id"),
        Index("jobs_by_tenant", "tenant", "id"),
        Index("jobs_by_owner", "owner"),
        Index("jobs_by_deadline", "deadline_ms"),
        Index("jobs_by_expiry", "expires_ms"),
        Index("jobs_by_chain", "chain"),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    """Sorts by the time of submission."""
    tenant: Mapped[str] = mapped_column(String(TENANT))
    who: Mapped[str] = mapped_column(Text, default="")
    """By what its caller was known."""
    scopes: Mapped[str] = mapped_column(Text, default='[["*"]]')
    """What its caller could do: lists of patterns, as JSON."""
    request_id: Mapped[str | None] = mapped_column(String(REQUEST_ID))
    algorithm: Mapped[str] = mapped_column(String(ALGORITHM))
    namespace: Mapped[str] = mapped_column(String(ALGORITHM))
    """Of the algorithm: who has no executor now holds up nobody else."""
    priority: Mapped[int] = mapped_column(Integer)
    """A compute.v1.Priority: the lowest is first."""
    state: Mapped[int] = mapped_column(Integer)
    """A compute.v1.JobState."""
    idempotent: Mapped[bool] = mapped_column(Boolean)
    """Whether the work may run more than once, as the caller or the algorithm says."""
    begun: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the attempt that runs may have begun work that may not run again."""
    cancelling: Mapped[bool] = mapped_column(Boolean, default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    max_attempts: Mapped[int] = mapped_column(Integer)
    deferred: Mapped[int] = mapped_column(Integer, default=0)
    """How often in a row it was given back without having begun."""
    owner: Mapped[str | None] = mapped_column(String(ID), default=None)
    """Who runs it; None: nobody."""
    last_event: Mapped[int] = mapped_column(Integer, default=1)
    """The first, its submission, is this row itself."""
    created_ms: Mapped[int] = mapped_column(BigInteger)
    started_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    ended_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    due_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    """Not before."""
    deadline_ms: Mapped[int | None] = mapped_column(BigInteger)
    """None: never."""
    expires_ms: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """None: it has not ended."""
    timeout_ms: Mapped[int] = mapped_column(BigInteger)
    attempt_timeout_ms: Mapped[int] = mapped_column(BigInteger)
    ttl_ms: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(DIGEST))
    """Of the submission as it came."""
    result_kind: Mapped[int] = mapped_column(Integer, default=0)
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A serialised compute.v1.ComputeRequest, as it came; None: it is a file."""
    result: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """A serialised ComputeResponse or JobError; None: there is none, or it is a file."""
    webhook: Mapped[str | None] = mapped_column(Text, default=None)
    """The URL that is told of its end."""
    chain: Mapped[str | None] = mapped_column(String(ID), default=None)
    """The chain that it is a step of."""
    step: Mapped[str] = mapped_column(String(64), default="")
    """Its name within that."""
    needs: Mapped[str] = mapped_column(Text, default="")
    """What it takes of other steps, as JSON (chains/shape.py); empty: nothing."""


class JobEventRecord(Base, kw_only=True):
    """One thing that happened to a job."""

    __tablename__ = "job_events"

    job: Mapped[str] = mapped_column(String(ID), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(Integer)
    state: Mapped[int] = mapped_column(Integer)
    """The state that it came into; 0: it is about the work."""
    work: Mapped[bytes] = mapped_column(LargeBinary)
    """A serialised ComputeEvent, or empty."""


class JobOwnerRecord(Base, kw_only=True):
    """A gateway that holds jobs, or did."""

    __tablename__ = "job_owners"

    owner: Mapped[str] = mapped_column(String(ID), primary_key=True)
    until_ms: Mapped[int] = mapped_column(BigInteger)
    """Until when its jobs are its own."""
