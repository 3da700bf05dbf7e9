"""Brings a database to the current schema with Alembic; the migrations ride in the package."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from clarion.domain.errors import Conflict
from clarion.store.database import Database

MIGRATION_LOCK = 7_022_026
"""Key of the advisory lock that lets one process migrate at a time on PostgreSQL."""

ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the database it works on in globals: of two threads, one would change the other's."""


def migrate(database: Database) -> None:
    """Upgrade to the newest schema. Raises Unreachable, or Conflict when the database is newer than this code."""
    with ONE_AT_A_TIME:
        _migrate(database)


def _migrate(database: Database) -> None:
    database.ping()
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current(database) - known:
        message = f"the database at {database.address} was made by a newer Clarion; upgrade this installation"
        raise Conflict(message)
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    # SQLite reads its planner's statistics when a connection is opened.
    database.engine.dispose()


def current(database: Database) -> set[str]:
    """Revisions that the database is at; empty before the first migration."""
    with database.read() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


def require_schema(database: Database) -> None:
    """Raise Conflict when the database has not been set up for this version, with the way out."""
    database.ping()
    heads = set(ScriptDirectory.from_config(_config()).get_heads())
    if current(database) != heads:
        state = (
            "is not set up yet"
            if not inspect(database.engine).has_table("campaigns")
            else "has another version's schema"
        )
        message = f"the database at {database.address} {state}; run `clarion setup`"
        raise Conflict(message)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
