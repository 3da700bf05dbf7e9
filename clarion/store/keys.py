"""API keys as rows, and the secrets that all processes of an installation sign with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, insert, or_, select, update

from clarion.domain.errors import NotFound
from clarion.domain.rights import Rights
from clarion.store.database import Database, insert_into
from clarion.store.door_schema import api_keys, secrets

SEEN = 60.0
"""Seconds to which it is kept when a key was used last."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without what would let anybody in. Times are epoch seconds."""

    id: str
    tenant: str
    name: str
    rights: Rights
    hash: str = field(repr=False)
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None

    def is_valid(self, now: float) -> bool:
        """Say whether it opens anything at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Keys:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def add(self, key: ApiKey) -> None:
        """Add a key."""
        row = {column.name: getattr(key, column.name) for column in api_keys.c}
        with self._database.write() as connection:
            connection.execute(insert(api_keys).values(row))

    def get(self, key_id: str) -> ApiKey | None:
        """Return a key by its public part."""
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
        return None if row is None else _key(row)

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """The keys of a tenant, the oldest first."""
        query = select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created_at, api_keys.c.id)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query)]

    def revoke(self, tenant: str, key_id: str, now: float) -> None:
        """End a key. Raises NotFound where the tenant has none of this id that still works."""
        this = (api_keys.c.tenant == tenant) & (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
        with self._database.write() as connection:
            ended = connection.execute(update(api_keys).where(this).values(revoked_at=now))
        if not ended.rowcount:
            known = "`clarion keys list` shows the ones there are"
            raise NotFound(f'there is no key "{key_id}" of tenant {tenant} in use; {known}')

    def used(self, key_id: str, now: float) -> None:
        """Note that a key was used."""
        stale = or_(api_keys.c.used_at.is_(None), api_keys.c.used_at < now - SEEN)
        with self._database.write(durable=False) as connection:
            connection.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(used_at=now))

    def secret(self, name: str, fresh: str, now: float) -> str:
        """Return the installation's secret of this name; the first who asks gives it, as ``fresh``."""
        row = {"name": name, "value": fresh, "created_at": now}
        query = select(secrets.c.value).where(secrets.c.name == name)
        with self._database.read() as connection:
            found: str | None = connection.execute(query).scalar()
        if found is not None:
            return found
        with self._database.write() as connection:
            connection.execute(insert_into(secrets, connection.dialect.name).values(row).on_conflict_do_nothing())
            value: str = connection.execute(query).scalar_one()
        return value


def _key(row: Row[Any]) -> ApiKey:
    key_id, tenant, name, rights, secret, *times = row
    return ApiKey(key_id, tenant, name, Rights(rights), secret, *times)
