"""Connections to SQLite or PostgreSQL, and the two kinds of transaction: read and write.

What the driver raises becomes one of two errors of ours: Unreachable for what passes by itself (trying again is safe,
whoever tries must only be able to bear that it did work the first time), StoreError for what does not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import ConnectionPoolEntry

from clarion.domain.errors import BadInput, ClarionError, Unreachable

log = logging.getLogger(__name__)

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another before it gives up."""

Insert = sqlite.Insert | postgresql.Insert
"""An insert that can say what happens on a conflict."""


class StoreError(ClarionError):
    """The database refused a statement. The driver's text may hold a person's data, so it goes to the log alone."""


class Database:
    """One database; hands out transactions. Blocking: call it from a thread when in an event loop."""

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        """Prepare connections to ``url``; nothing is opened yet. Raises BadInput for an address that is none."""
        try:
            self._url = make_url(url)
            self.is_sqlite = self._url.get_backend_name() == "sqlite"
            if self.is_sqlite:
                if self._url.database:
                    # Nobody else on the machine is to read whom we contact.
                    Path(self._url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.engine: Engine = create_engine(
                    self._url,
                    pool_size=pool_size,
                    max_overflow=20,
                    hide_parameters=True,
                    connect_args={"timeout": BUSY_SECONDS},
                )
                event.listen(self.engine, "connect", _prepare_sqlite)
                event.listen(self.engine, "begin", _begin_sqlite)
            else:
                self.engine = create_engine(
                    self._url,
                    pool_size=pool_size,
                    max_overflow=20,
                    pool_pre_ping=True,
                    hide_parameters=True,
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
        """Open a transaction that only reads; everything read in it is of one moment."""
        with self._in_our_words(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Open a transaction that writes; commits at the end, rolls back on an error.

        With ``durable=False`` a power cut (not a crash of ours) may lose it, together with all that was written later
        and was not durable either: for work that can be done again.
        """
        with self._in_our_words(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.execution_options(clarion_write=True)
            with connection.begin():
                if not self.is_sqlite and not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    def ping(self) -> None:
        """Prove that the database answers. Raises Unreachable with the address and how to start one."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, NoConnectionFree) as error:
            log.warning("database: %s", error)
            raise Unreachable(self._unreachable(error)) from None
        except DBAPIError as error:
            log.exception("the database refused a statement")
            kind = type(error.orig).__name__
            message = f"the database refused what it was asked ({kind}); the log of this process has the details"
            raise StoreError(message) from None

    def _unreachable(self, error: Exception) -> str:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        why = said[0] if said else "no answer"
        return (
            f"the database at {self.address} cannot be reached ({why}); start it, or unset CLARION_DATABASE_URL to use "
            "a SQLite file"
        )


def insert_into(table: Table, dialect: str) -> Insert:
    """Begin an insert that says what happens on a conflict; the two databases spell it alike, SQLAlchemy does not."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def storable(text: str | None) -> str | None:
    """Return a text as both databases take it: one with a NUL or half a character would fail all it is written with."""
    if not text:
        return text
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode(errors="replace").decode()
    return text


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: only then can a writer take its lock at BEGIN,
    # instead of failing half-way when two readers both turn into writers.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-8000", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("clarion_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
