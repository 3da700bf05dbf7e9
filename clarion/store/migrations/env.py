"""Alembic's entry: runs the migrations on the connection that it is given, inside its transaction."""

from __future__ import annotations

from alembic import context

from clarion.store import door_schema, lead_schema  # noqa: F401 - both add their tables to the metadata
from clarion.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
