"""Pace across workers and campaigns: one row per limited thing, moved in the same transaction as the intent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from clarion.domain.pace import reserve
from clarion.store.schema import pace

STRIKES_BEFORE_BACKOFF = 3
LONGEST_BACKOFF = 60.0


@dataclass(slots=True)
class PaceRow:
    """When the next contact through something may start."""

    key: str
    next_free: float = 0.0
    strikes: int = 0
    changed: bool = False


class PaceBook:
    """The pace rows that one transaction touches; locked in key order."""

    def __init__(self, connection: Connection, keys: Collection[str]) -> None:
        """Lock and load ``keys``."""
        self._connection = connection
        self._rows = {key: PaceRow(key) for key in keys}
        if keys:
            query = (
                select(pace.c.key, pace.c.next_free, pace.c.strikes)
                .where(pace.c.key.in_(sorted(keys)))
                .order_by(pace.c.key)
            )
            for key, next_free, strikes in connection.execute(query.with_for_update()):
                self._rows[key] = PaceRow(key, next_free, strikes)

    def reserve(self, spacings: dict[str, float], now: float) -> float:
        """Take the next slot that all of ``spacings`` (seconds by key) allow; return its epoch second."""
        slot = max(now, *(self._rows[key].next_free for key in spacings))
        for key, spacing in spacings.items():
            if spacing > 0:
                row = self._rows[key]
                row.next_free = reserve(slot, spacing, now)[1]
                row.changed = True
        return slot

    def hold(self, key: str, until: float) -> None:
        """Let nobody through before ``until``: the provider asked for patience."""
        row = self._rows[key]
        if until > row.next_free:
            row.next_free, row.changed = until, True

    def strike(self, key: str, now: float) -> None:
        """Note that the channel failed; after a few in a row everyone backs off, twice as long each time."""
        row = self._rows[key]
        row.strikes, row.changed = row.strikes + 1, True
        beyond = row.strikes - STRIKES_BEFORE_BACKOFF
        if beyond > 0:
            row.next_free = max(row.next_free, now + min(LONGEST_BACKOFF, 0.5 * 2.0 ** min(beyond, 10)))

    def works(self, key: str) -> None:
        """Note that the channel works again."""
        row = self._rows[key]
        if row.strikes:
            row.strikes, row.changed = 0, True

    def flush(self) -> None:
        """Write what changed."""
        rows = [
            {"key": r.key, "next_free": r.next_free, "strikes": r.strikes}
            for r in sorted(self._rows.values(), key=lambda r: r.key)
            if r.changed
        ]
        if rows:
            statement = (sqlite if self._connection.dialect.name == "sqlite" else postgresql).insert(pace)
            changes = {"next_free": statement.excluded.next_free, "strikes": statement.excluded.strikes}
            self._connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=changes), rows)
