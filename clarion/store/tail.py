"""The log of all campaigns together in the order of its ids, complete even while others write.

On PostgreSQL an id is given out when a line is written and seen when it is committed, so a higher one may be seen
first. Whoever has not committed yet still holds a lock on the table: a gap is final once all who held it when the gap
was seen have ended. SQLite has one writer at a time, so there no line appears before one that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection, delete, func, literal, select, text, update

from clarion.store.database import Database
from clarion.store.schema import campaigns, events

WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = CAST('events' AS regclass) "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock'"
)
"""Who may have been given an id: the lock is taken before the id, and let go after the commit is seen.

Not the snapshot's lowest running transaction: that one may belong to anybody in the cluster, and run for hours.
"""

NOBODY = 0
"""Stands for a campaign that is gone; numbers of campaigns count from 1."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of the log, and whose it is. ``position`` is None for what concerns the whole campaign."""

    id: int
    tenant: str
    campaign_id: str
    campaign_key: int
    position: int | None
    at: float
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Span:
    """The lines of the log with ids above ``after`` and up to ``to``."""

    after: int
    to: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """Up to ``newest``, nothing is added any more once these writers have ended."""

    newest: int
    writers: frozenset[str]


class Tail:
    """Reads the log of all campaigns. Blocking; several threads may share it."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        self._lock = Lock()
        self._complete = 0
        self._mark: _Mark | None = None

    def after(self, event_id: int, limit: int) -> Sequence[LoggedEvent]:
        """At most ``limit`` lines after an id that an earlier call gave, in order; none will ever appear between them.

        Fewer than there are, where one that is missing may still come: ask again a little later.
        """
        complete = self._complete_to()
        found, newest = self._read(event_id, limit)
        if len(whole := self._without_gaps(found, event_id, complete)) == len(found):
            return found
        if not self._watch(newest):
            return whole
        found, _ = self._read(event_id, limit)  # nobody writes, so the gap is final in what is read from now on
        return self._without_gaps(found, event_id, self._complete)

    def end(self) -> int | None:
        """The id after which whoever begins to read now misses nothing; None: not known yet, ask a little later."""
        newest = self.newest()
        if self._database.is_sqlite or newest <= self._complete_to() or self._watch(newest):
            return newest
        return None

    def of_tenant(self, tenant: str, campaign_id: str | None, span: Span, limit: int) -> Sequence[LoggedEvent]:
        """At most ``limit`` lines of a span of the log, of one campaign of a tenant or of all its own, in order."""
        e, c = events.c, campaigns.c
        columns = (e.campaign_key, e.position, e.at, e.kind, e.detail)
        within = (e.id > span.after, e.id <= span.to)
        if campaign_id is None:
            # As subqueries, so that the log is read in its order and no further than needed, however many campaigns.
            its = select(c.campaign_id).where(c.key == e.campaign_key).correlate(events).scalar_subquery()
            whose = select(c.tenant).where(c.key == e.campaign_key).correlate(events).scalar_subquery()
            query = select(e.id, literal(tenant), its, *columns).where(*within, whose == tenant)
        else:
            this = (c.tenant == tenant) & (c.campaign_id == campaign_id)
            query = select(e.id, c.tenant, c.campaign_id, *columns)
            query = query.join_from(events, campaigns, c.key == e.campaign_key).where(*within, this)
        with self._database.read() as connection:
            return [LoggedEvent(*row) for row in connection.execute(query.order_by(e.id).limit(limit))]

    def newest(self, campaign_key: int | None = None) -> int:
        """The highest id there is, of one campaign or of all; 0: none. Lower ones may still appear."""
        query = select(func.max(events.c.id))
        if campaign_key is not None:
            query = query.where(events.c.campaign_key == campaign_key)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def _read(self, event_id: int, limit: int) -> tuple[list[LoggedEvent], int]:
        """Return lines, and the newest id that was seen in the same moment."""
        e, c = events.c, campaigns.c
        query = select(e.id, c.tenant, c.campaign_id, e.campaign_key, e.position, e.at, e.kind, e.detail)
        query = query.join_from(events, campaigns, c.key == e.campaign_key).where(e.id > event_id)
        with self._database.read() as connection:
            found = [LoggedEvent(*row) for row in connection.execute(query.order_by(e.id).limit(limit))]
            if self._database.is_sqlite or len(found) == 0 or found[-1].id == event_id + len(found):
                return found, 0
            return found, int(connection.execute(select(func.max(e.id))).scalar_one())

    def _without_gaps(self, found: Sequence[LoggedEvent], event_id: int, complete: int) -> Sequence[LoggedEvent]:
        if self._database.is_sqlite:
            return found
        last = max(event_id, complete)
        for n, event in enumerate(found):
            if event.id > last + 1:
                return found[:n]
            last = max(last, event.id)
        return found

    def _complete_to(self) -> int:
        """Return the id up to which whoever reads from now on sees all there will ever be."""
        mark = self._mark
        if mark is not None and not (mark.writers & self._writers()):
            self._advance(mark)
        return self._complete

    def _watch(self, newest: int) -> bool:
        """Note who could still add lines up to ``newest``; whether there is nobody."""
        mark = _Mark(newest, self._writers())
        if not mark.writers:
            self._advance(mark)
            return True
        with self._lock:
            # One that is being waited for goes first, else there would be somebody to wait for at all times.
            self._mark = self._mark or mark
        return False

    def _advance(self, mark: _Mark) -> None:
        with self._lock:
            self._complete = max(self._complete, mark.newest)
            if self._mark is not None and self._mark.newest <= self._complete:
                self._mark = None

    def _writers(self) -> frozenset[str]:
        with self._database.read() as connection:
            return frozenset(connection.execute(WRITERS).scalars())


def forget_campaign(connection: Connection, campaign_key: int) -> None:
    """Delete a campaign's lines.

    The last stays as an empty line that is nobody's: SQLite gives out the highest id again once its line is gone, and
    whoever has read that far would never see the new one.
    """
    last = select(func.max(events.c.id)).where(events.c.campaign_key == campaign_key).scalar_subquery()
    empty = {"campaign_key": NOBODY, "position": None, "kind": "deleted", "detail": ""}
    connection.execute(update(events).where(events.c.id == last).values(empty))
    connection.execute(delete(events).where(events.c.campaign_key == campaign_key))
