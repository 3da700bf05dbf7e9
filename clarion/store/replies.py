"""What requests with an Idempotency-Key were answered, so that the same request again does nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import ColumnElement, and_, delete, select, update

from clarion.domain.errors import BadInput, Conflict
from clarion.store.database import Database, insert_into
from clarion.store.door_schema import replies

KEPT = 24 * 3600.0
"""Seconds for which an answer is remembered."""
RENEWED = 2.0
"""Seconds between two signs that a request is still worked on."""
GIVEN_UP = 8.0
"""Seconds without one after which a request is taken for one whose process has died."""


class Beginning(Enum):
    """How a request begins that has no answer yet."""

    FIRST = auto()
    AGAIN = auto()
    """Another process had begun with it and died, nobody knows where."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was given."""

    status: int
    body: str


class Replies:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def begin(self, tenant: str, key: str, fingerprint: str, now: float) -> Reply | Beginning:
        """Note that a request is worked on; return what it was answered, if that has happened already.

        ``fingerprint`` is of what is asked. Raises BadInput when the key was used for something else, Conflict while
        the same request is worked on.
        """
        this = _this(tenant, key)
        row = {"tenant": tenant, "key": key, "fingerprint": fingerprint, "at": now}
        with self._database.write() as connection:
            connection.execute(delete(replies).where(replies.c.at < now - KEPT))
            new = insert_into(replies, connection.dialect.name).values(row).on_conflict_do_nothing()
            if connection.execute(new.returning(replies.c.key)).scalar() is not None:
                return Beginning.FIRST
            found = connection.execute(select(replies).where(this).with_for_update()).one()
            if found.fingerprint != fingerprint:
                raise BadInput(f'Idempotency-Key "{key}" was used for another request; give each request its own key')
            if found.status is not None:
                return Reply(found.status, found.body)
            if found.at > now - GIVEN_UP:
                raise Conflict("the same request is being worked on; ask again in a moment, with the same key")
            connection.execute(update(replies).where(this).values(at=now))
            return Beginning.AGAIN

    def renew(self, tenant: str, key: str, now: float) -> None:
        """Note that a request is still worked on."""
        with self._database.write() as connection:
            this = and_(_this(tenant, key), replies.c.status.is_(None))
            connection.execute(update(replies).where(this).values(at=now))

    def finish(self, tenant: str, key: str, reply: Reply) -> None:
        """Remember an answer."""
        with self._database.write() as connection:
            values = {"status": reply.status, "body": reply.body}
            connection.execute(update(replies).where(_this(tenant, key)).values(values))

    def forget(self, tenant: str, key: str) -> None:
        """Forget a request that came to nothing: it may be tried again."""
        with self._database.write() as connection:
            connection.execute(delete(replies).where(_this(tenant, key), replies.c.status.is_(None)))


def _this(tenant: str, key: str) -> ColumnElement[bool]:
    return and_(replies.c.tenant == tenant, replies.c.key == key)
