"""What Alembic runs: migrations over the connection that `database` opened."""

from __future__ import annotations

from alembic import context

from edgemesh_gateway.store.records import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
