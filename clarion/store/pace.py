"""Pace across workers and campaigns: one row per limited thing, moved in the same transaction as the intent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ClauseElement, Connection, bindparam, select, update

from clarion.domain.pace import reserve
from clarion.store.database import Database, insert_into
from clarion.store.schema import pace
from clarion.store.statements import Prepared, PreparedSelect

STRIKES_BEFORE_BACKOFF = 3
"""Failures of a channel in a row that nobody minds."""

LONGEST_BACKOFF = 60.0
"""Seconds."""


@dataclass(slots=True)
class PaceRow:
    """When the next contact through something may start."""

    key: str
    next_free: float = 0.0
    strikes: int = 0
    spacing: float | None = None
    """Seconds between contacts that somebody has set in place of the settings'."""
    changed: bool = False


def _make(dialect: str) -> ClauseElement:
    return insert_into(pace, dialect).on_conflict_do_nothing()


_MAKE = Prepared(("key", "next_free", "strikes"), _make)
_LOCK = PreparedSelect(
    (),
    select(pace.c.key, pace.c.next_free, pace.c.strikes, pace.c.spacing).order_by(pace.c.key).with_for_update(),
    pace.c.key,
)
_UPDATE = Prepared(
    ("new_next_free", "new_strikes", "of_key"),
    lambda _: (
        update(pace)
        .where(pace.c.key == bindparam("of_key"))
        .values(next_free=bindparam("new_next_free"), strikes=bindparam("new_strikes"))
    ),
)


def account_pace(tenant: str, account: str, channel: str) -> str:
    """Name the pace of an account on a channel, over all campaigns."""
    return f"account/{tenant}/{account}/{channel}"


def campaign_pace(campaign_key: int) -> str:
    """Name the pace of one campaign."""
    return f"campaign/{campaign_key}"


def make_rows(database: Database, keys: Collection[str]) -> None:
    """Make the rows that are not there yet, before anybody reserves through them.

    A row that is missing cannot be locked: two workers would both take its first slot.
    """
    with database.write() as connection:
        _MAKE.run(connection, [(key, 0.0, 0) for key in sorted(keys)])


def set_pace(database: Database, key: str, spacing: float | None, now: float) -> None:
    """Set the seconds between contacts through ``key``; None goes back to the settings."""
    make_rows(database, {key})
    with database.write() as connection:
        book = PaceBook(connection, {key})
        was = book.spacing_of(key, -1.0)
        if spacing is not None and was >= 0:
            book.shift(key, spacing - was, now)
        book.flush()
        connection.execute(update(pace).where(pace.c.key == key).values(spacing=spacing))


class PaceBook:
    """The pace rows that one transaction touches; locked in key order."""

    def __init__(self, connection: Connection, keys: Collection[str]) -> None:
        """Lock and load ``keys``, all of which were made before."""
        self._connection = connection
        self._rows = {row.key: PaceRow(*row) for row in _LOCK.fetch(connection, (), sorted(keys))}

    def spacing_of(self, key: str, settings: float) -> float:
        """Return the seconds between contacts through ``key``: as somebody has set them, else as in the settings."""
        changed = self._rows[key].spacing
        return settings if changed is None else changed

    def next_slot(self, keys: Collection[str], now: float) -> float:
        """Return the epoch second at which all of ``keys`` would let the next contact through."""
        return max(now, *(self._rows[key].next_free for key in keys))

    def reserve(self, spacings: Mapping[str, float], now: float) -> float:
        """Take the next slot that all of ``spacings`` (seconds by key) allow; return its epoch second."""
        slot = self.next_slot(spacings, now)
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

    def shift(self, key: str, seconds: float, now: float) -> None:
        """Move a slot that lies ahead: the spacing after the last contact became longer or shorter by ``seconds``."""
        row = self._rows[key]
        if row.next_free > now:
            row.next_free, row.changed = max(now, row.next_free + seconds), True

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
        _UPDATE.run(
            self._connection, [(row.next_free, row.strikes, row.key) for row in self._rows.values() if row.changed]
        )
