"""The do-not-contact list, shared by all campaigns and channels of a tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from clarion.store.database import Database
from clarion.store.schema import suppressions


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
            statement = (sqlite if self._database.is_sqlite else postgresql).insert(suppressions)
            return connection.execute(statement.values(row).on_conflict_do_nothing()).rowcount > 0

    def remove(self, tenant: str, address: str) -> bool:
        """Take an address off the list; False when it was not on it."""
        with self._database.write() as connection:
            gone = suppressions.delete().where(suppressions.c.tenant == tenant, suppressions.c.address == address)
            return connection.execute(gone).rowcount > 0

    def among(self, tenant: str, addresses: Collection[str]) -> set[str]:
        """Which of some addresses are on the list."""
        query = select(suppressions.c.address).where(
            suppressions.c.tenant == tenant, suppressions.c.address.in_(list(addresses))
        )
        with self._database.read() as connection:
            return {address for (address,) in connection.execute(query)}

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
