"""The append-only log of what happened, per campaign and per target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from clarion.store.database import Database
from clarion.store.posting import Posting
from clarion.store.schema import events
from clarion.store.tail import LoggedEvent, Span, Tail


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log. ``position`` is None for what concerns the whole campaign."""

    id: int
    campaign_key: int
    position: int | None
    at: float
    kind: str
    detail: str


class Events:
    """Reads and appends. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        self._tail = Tail(database)

    def append(self, campaign_key: int, at: float, kind: str, detail: str, position: int | None = None) -> None:
        """Add a line."""
        with self._database.write() as connection:
            posting = Posting(connection, at)
            # Under the lock, lines of a campaign become visible in the order of their ids: no watcher misses one.
            posting.lock([campaign_key])
            posting.event(campaign_key, position, kind, detail)
            posting.flush()

    def latest(self, campaign_key: int, limit: int = 20) -> Sequence[Event]:
        """The newest lines of a campaign, oldest first."""
        query = select(events).where(events.c.campaign_key == campaign_key).order_by(events.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(query)][::-1]

    def of_target(self, campaign_key: int, position: int) -> Sequence[Event]:
        """All lines about one target."""
        query = select(events).where(events.c.campaign_key == campaign_key, events.c.position == position)
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(query.order_by(events.c.id))]

    def of_campaign(self, campaign_key: int) -> Sequence[Event]:
        """All lines about the campaign as a whole."""
        query = select(events).where(events.c.campaign_key == campaign_key, events.c.position.is_(None))
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(query.order_by(events.c.id))]

    def after(self, campaign_key: int, event_id: int, limit: int = 500) -> Sequence[Event]:
        """Lines after an id, oldest first: what a watcher has not seen yet."""
        query = select(events).where(events.c.campaign_key == campaign_key, events.c.id > event_id)
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(query.order_by(events.c.id).limit(limit))]

    def tail(self, event_id: int, limit: int = 500) -> Sequence[LoggedEvent]:
        """Lines of all campaigns after an id that an earlier call (or ``end``) gave, in order and without omissions.

        Fewer than there are, where a line between them may still come: ask again a little later.
        """
        return self._tail.after(event_id, limit)

    def end(self) -> int | None:
        """Where to begin with ``tail`` so as to get all that is new; None: not known yet, ask a little later."""
        return self._tail.end()

    def of_tenant(self, tenant: str, campaign_id: str | None, span: Span, limit: int = 500) -> Sequence[LoggedEvent]:
        """Lines within a span of the log, of one campaign of a tenant or of all its campaigns (None), in order."""
        return self._tail.of_tenant(tenant, campaign_id, span, limit)

    def newest(self, campaign_key: int | None = None) -> int:
        """The highest id there is, of one campaign or of all; 0: none."""
        return self._tail.newest(campaign_key)
