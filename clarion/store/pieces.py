"""Sums over all rows of a campaign, added up a piece at a time, and remembered for as long as nothing has changed.

A database sorts what it groups. Piece by piece that stays small: memory is flat however large the campaign is, and it
is also quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, func, select

from clarion.store.database import Database
from clarion.store.schema import books, campaigns, events, targets

T = TypeVar("T")

PIECE = 20_000
"""Positions that are looked at together."""
LARGE = 50_000
"""Targets from which on sums are remembered: those of smaller campaigns are added up whenever somebody asks."""
FRESH = 5.0
"""Seconds for which sums of a large campaign are shown although it has gone on."""
MOST = 500
"""Campaigns whose sums are remembered."""


class Piece(NamedTuple):
    """Some positions of a campaign."""

    after: int
    to: int

    def holds(self, position: ColumnElement[int]) -> ColumnElement[bool]:
        """Say that a position is one of them."""
        return (position > self.after) & (position <= self.to)


def pieces_of(connection: Connection, campaign_key: int) -> Iterator[Piece]:
    """Yield pieces that hold all positions of a campaign, in order."""
    of_campaign = targets.c.campaign_key == campaign_key
    last = connection.execute(
        select(targets.c.position).where(of_campaign).order_by(targets.c.position.desc()).limit(1)
    ).scalar()
    for after in range(0, last or 0, PIECE):
        yield Piece(after, after + PIECE)


@dataclass(slots=True)
class _Known(Generic[T]):
    lock: Lock = field(default_factory=Lock)
    mark: Hashable = None
    at: float = float("-inf")
    sums: list[T] = field(default_factory=list)
    """The latest; empty before the first."""


class Remembered(Generic[T]):
    """What was added up of large campaigns."""

    def __init__(
        self,
        database: Database,
        add_up: Callable[[Connection, int], T],
        *,
        longest: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``add_up`` adds a campaign up. ``longest``: seconds after which it is asked again, whatever the books say."""
        self._database = database
        self._add_up = add_up
        self._longest = longest
        self._clock = clock
        self._known: dict[int, _Known[T]] = {}
        self._lock = Lock()

    def of(self, campaign_key: int) -> T:
        """Return the sums of a campaign. Blocking; who asks while somebody else adds up waits for that."""
        with self._database.read() as connection:
            if not is_large(connection, campaign_key):
                return self._add_up(connection, campaign_key)
        with self._lock:
            while len(self._known) > MOST:
                self._known.pop(next(iter(self._known)))
            known = self._known.setdefault(campaign_key, _Known())
        with known.lock, self._database.read() as connection:
            mark, age = mark_of(connection, campaign_key), self._clock() - known.at
            if not known.sums or age >= (self._longest if mark == known.mark else FRESH):
                known.sums = [self._add_up(connection, campaign_key)]
                known.mark, known.at = mark, self._clock()
            return known.sums[0]


def is_large(connection: Connection, campaign_key: int) -> bool:
    """Whether a campaign has so many targets that adding them up takes time."""
    total = connection.execute(select(campaigns.c.total).where(campaigns.c.key == campaign_key)).scalar()
    return (total or 0) >= LARGE


def mark_of(connection: Connection, campaign_key: int) -> Hashable:
    """Return what changes whenever a target or an attempt of a campaign does: its books, its money and its log."""
    standing = select(books.c.state, books.c.outcome, books.c.n).where(books.c.campaign_key == campaign_key)
    newest = select(func.max(events.c.id)).where(events.c.campaign_key == campaign_key)
    spent = select(campaigns.c.spent).where(campaigns.c.key == campaign_key)
    return (
        frozenset(map(tuple, connection.execute(standing))),
        connection.execute(newest).scalar(),
        connection.execute(spent).scalar(),
    )
