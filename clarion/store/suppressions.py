"""The do-not-contact list, shared by all campaigns and channels of a tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from clarion.store.database import Database, insert_into, storable
from clarion.store.journal import suppressed_among
from clarion.store.schema import suppressions

AT_ONCE = 500
"""Rows of one statement."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody who must not be contacted, and how we know."""

    address: str
    source: str
    detail: str
    at: float


class Suppressions:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def add(self, tenant: str, address: str, source: str, detail: str, now: float) -> bool:
        """Add an address; False when it was there already."""
        row = {"tenant": tenant, "address": address, "source": source, "detail": detail, "at": now}
        with self._database.write() as connection:
            new = insert_into(suppressions, connection.dialect.name).values(row).on_conflict_do_nothing()
            return connection.execute(new.returning(suppressions.c.address)).scalar() is not None

    def add_all(self, tenant: str, addresses: Collection[str], source: str, detail: str, now: float) -> set[str]:
        """Add addresses, all or none; return those that were not there yet."""
        same = {"tenant": tenant, "source": source, "detail": storable(detail), "at": now}
        rows = [same | {"address": address} for address in sorted(addresses)]
        new: set[str] = set()
        with self._database.write() as connection:
            insert = insert_into(suppressions, connection.dialect.name).on_conflict_do_nothing()
            for n in range(0, len(rows), AT_ONCE):
                adding = insert.values(rows[n : n + AT_ONCE]).returning(suppressions.c.address)
                new.update(connection.execute(adding).scalars())
        return new

    def remove(self, tenant: str, address: str) -> bool:
        """Take an address off the list; False when it was not on it."""
        with self._database.write() as connection:
            gone = delete(suppressions).where(suppressions.c.tenant == tenant, suppressions.c.address == address)
            return connection.execute(gone).rowcount > 0

    def find(self, tenant: str, address: str) -> Suppression | None:
        """Return what is known of an address on the list."""
        s = suppressions.c
        query = select(s.address, s.source, s.detail, s.at).where(s.tenant == tenant, s.address == address)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Suppression(*row)

    def among(self, tenant: str, addresses: Collection[str]) -> set[str]:
        """Which of some addresses are on the list."""
        with self._database.read() as connection:
            return suppressed_among(connection, tenant, addresses)

    def list(self, tenant: str, *, after: str = "", limit: int = 1_000) -> Sequence[Suppression]:
        """Addresses in order, after one."""
        query = (
            select(suppressions.c.address, suppressions.c.source, suppressions.c.detail, suppressions.c.at)
            .where(suppressions.c.tenant == tenant, suppressions.c.address > after)
            .order_by(suppressions.c.address)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Suppression(*row) for row in connection.execute(query)]
