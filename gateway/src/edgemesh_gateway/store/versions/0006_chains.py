"""Chains of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table, and what a job knows of its chain."""
    op.create_table(
        "chains",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("tenant", "request_id", name="chains_by_request_id"),
    )
    op.create_index("chains_by_expiry", "chains", ["expires_ms"])
    op.add_column("jobs", sa.Column("chain", sa.String(32), nullable=True))
    op.add_column("jobs", sa.Column("step", sa.String(64), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("needs", sa.Text, nullable=False, server_default=""))
    op.create_index("jobs_by_chain", "jobs", ["chain"])
