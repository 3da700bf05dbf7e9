"""Connections to SQLite or PostgreSQL, and the two kinds of transaction: read and write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from clarion.domain.errors import BadInput, Unreachable

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another before it gives up."""


class Database:
    """One database; hands out transactions. Blocking: call it from a thread when in an event loop."""

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        """Prepare connections to ``url``; nothing is opened yet. Raises BadInput for an address that is none."""
        try:
            self._url = make_url(url)
            self.is_sqlite = self._url.get_backend_name() == "sqlite"
            if self.is_sqlite:
                if self._url.database:
                    Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
                self.engine: Engine = create_engine(
                    self._url, pool_size=pool_size, max_overflow=20, connect_args={"timeout": BUSY_SECONDS}
                )
                event.listen(self.engine, "connect", _prepare_sqlite)
                event.listen(self.engine, "begin", _begin_sqlite)
            else:
                self.engine = create_engine(
                    self._url,
                    pool_size=pool_size,
                    max_overflow=20,
                    pool_pre_ping=True,
                    connect_args={"connect_timeout": 10},
                )
        except (ArgumentError, NoSuchModuleError, ImportError):
            message = (
                "the database address is not one that Clarion knows; use sqlite:///path/to/file.db or "
                "postgresql+psycopg://user:password@host:5432/database"
            )
            raise BadInput(message) from None

    @property
    def address(self) -> str:
        """The address without its password."""
        return self._url.render_as_string(hide_password=True)

    @property
    def url(self) -> str:
        """The full address, password included: for migrations only, never for logs."""
        return self._url.render_as_string(hide_password=False)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Open a transaction that writes; commits at the end, rolls back on an error.

        With ``durable=False`` a power cut (not a crash of ours) may lose it: for work that can be done again.
        """
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(clarion_write=True)
            with connection.begin():
                if not self.is_sqlite and not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    def ping(self) -> None:
        """Prove that the database answers. Raises Unreachable with the address and how to start one."""
        try:
            with self.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except (OperationalError, DBAPIError) as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
            message = (
                f"the database at {self.address} cannot be reached ({reason}); start it, or unset CLARION_DATABASE_URL "
                "to use a SQLite file"
            )
            raise Unreachable(message) from None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: only then can a writer take its lock at BEGIN,
    # instead of failing half-way when two readers both turn into writers.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("clarion_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
