"""Schedules of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "schedules",
        sa.Column("tenant", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("cron", sa.String(128), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=True),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("last_job", sa.String(32), nullable=False),
        sa.Column("fired", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
    )
    op.create_index("schedules_by_time", "schedules", ["due_ms"])
