"""Alembic's entry: runs the migrations on the connection that it is given, inside its transaction."""

from __future__ import annotations

from alembic import context

from clarion.store.lead_schema import leads

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=leads.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
