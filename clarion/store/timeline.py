"""How a campaign went over time: contacts by interval, rates, and attempts by the hour in which they began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, literal_column, null, select

from clarion.domain.target import Outcome
from clarion.store.database import Database
from clarion.store.pieces import Remembered, pieces_of
from clarion.store.schema import TICK_SECONDS, attempts, targets, ticks

POINTS = 120
"""Of a rate over time, at most."""

SHORT = 12 * TICK_SECONDS
"""Seconds up to which the rate is told for every second."""
LEAST = 10
"""Seconds that are told at least, as one or two alone have no shape."""
COUNTED = 5_000
"""Contacts up to which they are looked at one by one for that."""

_GOES_ON = (Outcome.NOT_SENT, Outcome.PLACED, Outcome.SUBMITTED)
"""Outcomes of attempts that were not made, or have not ended."""

_QUARTER: ColumnElement[int] = literal_column("900")
"""Seconds of a quarter of an hour: all time zones in use differ from UTC by a multiple of it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Contacts made in one interval, which begins ``at`` (epoch seconds)."""

    at: int
    contacted: int


@dataclass(frozen=True, slots=True)
class Span:
    """From the first contact to the last one, in epoch seconds, to `TICK_SECONDS`."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class QuarterHour:
    """Attempts that began in one quarter of an hour and ended alike."""

    at: int
    """Epoch seconds."""
    time_zone: str | None
    """Of the targets, where their rows name one and it was asked for."""
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class Tries:
    """Attempts that were made, and targets that they were made at."""

    attempts: int
    targets: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Contacts a minute, evenly spaced from ``begins`` on (epoch seconds), each over ``span`` seconds."""

    begins: float
    span: float
    per_minute: tuple[float, ...]

    @property
    def ends(self) -> float:
        """When the last of them ends."""
        return self.begins + self.span * len(self.per_minute)


class Timeline:
    """Queries. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        self._quarters = Remembered(database, partial(_quarters, own_zones=False))
        self._quarters_by_zone = Remembered(database, partial(_quarters, own_zones=True))
        self._tries = Remembered(database, _tries)

    def span(self, campaign_key: int) -> Span | None:
        """Tell when a campaign contacted anybody first and last; None: nobody yet."""
        query = select(func.min(ticks.c.at), func.max(ticks.c.at)).where(ticks.c.campaign_key == campaign_key)
        with self._database.read() as connection:
            begin, end = connection.execute(query).one()
        return None if begin is None else Span(int(begin), int(end) + TICK_SECONDS)

    def contacted(self, campaign_key: int, interval: int) -> Sequence[Tick]:
        """Add up the contacts of each ``interval`` (seconds) in which there are any, in order."""
        begin = (ticks.c.at - ticks.c.at % literal_column(str(int(interval)))).label("begin")
        query = (
            select(begin, func.sum(ticks.c.contacted))
            .where(ticks.c.campaign_key == campaign_key)
            .group_by(begin)
            .order_by(begin)
        )
        with self._database.read() as connection:
            return [Tick(int(at), int(n)) for at, n in connection.execute(query)]

    def quarters(self, campaign_key: int, *, own_zones: bool) -> Sequence[QuarterHour]:
        """Count the attempts that have ended by when they began and how they ended; reads each of them.

        ``own_zones`` tells the zones of targets apart, where their rows name one.
        """
        return (self._quarters_by_zone if own_zones else self._quarters).of(campaign_key)

    def tries(self, campaign_key: int) -> Tries:
        """Count attempts, without those that were not sent; reads each of them."""
        return self._tries.of(campaign_key)

    def rates(self, campaign_key: int, until: float) -> Rates | None:
        """Tell how many were contacted a minute, up to ``until`` (epoch seconds); None before the first."""
        of_campaign = ticks.c.campaign_key == campaign_key
        limits = select(func.min(ticks.c.at), func.max(ticks.c.at), func.sum(ticks.c.contacted)).where(of_campaign)
        with self._database.read() as connection:
            first, last, contacted = connection.execute(limits).one()
            if first is None:
                return None
            is_short = max(until, last) - first <= SHORT and contacted <= COUNTED
            if is_short and (found := _by_second(connection, campaign_key, until)) is not None:
                return found
            # What has not gone by in full would look like a slump.
            whole = max(TICK_SECONDS, int(max(until, last) - first) // TICK_SECONDS * TICK_SECONDS)
            wide = max(1, -(-whole // (POINTS * TICK_SECONDS))) * TICK_SECONDS
            place = (ticks.c.at - first) // wide
            query = select(place, func.sum(ticks.c.contacted)).where(of_campaign).group_by(place)
            counts: Mapping[int, int] = {int(at): int(n) for at, n in connection.execute(query)}
        places = range(max(1, whole // wide))
        return Rates(float(first), float(wide), tuple(60.0 * counts.get(at, 0) / wide for at in places))


def _by_second(connection: Connection, campaign_key: int, until: float) -> Rates | None:
    """Tell the rate of every second, up to ``until`` (epoch seconds)."""
    made = (attempts.c.campaign_key == campaign_key) & attempts.c.outcome.is_distinct_from(Outcome.NOT_SENT)
    moments = [int(at) for at in connection.execute(select(attempts.c.slot_at).where(made)).scalars()]
    if not moments:
        return None
    first, counts = min(moments), Counter(moments)
    places = max(LEAST, int(until) - first, max(moments) + 1 - first)
    return Rates(float(first), 1.0, tuple(60.0 * counts[first + n] for n in range(places)))


def _quarters(connection: Connection, campaign_key: int, *, own_zones: bool) -> Sequence[QuarterHour]:
    a = attempts.c
    # Literals: to PostgreSQL what is selected and what is grouped by are not the same where they hold parameters.
    # A cast cuts off what is left in SQLite, and rounds in PostgreSQL.
    whole = a.intended_at if connection.dialect.name == "sqlite" else func.floor(a.intended_at)
    second = cast(whole, BigInteger)
    begin = (second - second % _QUARTER).label("begin")
    zone = targets.c.time_zone if own_zones else null()
    query = select(begin, zone, a.outcome, func.count()).where(
        a.campaign_key == campaign_key, a.outcome.is_not(None), a.outcome.not_in(_GOES_ON)
    )
    if own_zones:
        of_target = (targets.c.campaign_key == a.campaign_key) & (targets.c.position == a.position)
        query = query.join_from(attempts, targets, of_target)
    query = query.group_by(*((begin, zone, a.outcome) if own_zones else (begin, a.outcome)))
    found: Counter[tuple[int, str | None, str]] = Counter()
    for piece in pieces_of(connection, campaign_key):
        # PostgreSQL does not see by itself that the targets are those of the piece, too.
        also = (piece.holds(targets.c.position),) if own_zones else ()
        for at, of_zone, outcome, n in connection.execute(query.where(piece.holds(a.position), *also)):
            found[int(at), of_zone, outcome] += int(n)
    by_time = sorted(found.items(), key=lambda item: item[0][0])
    return [QuarterHour(*kind, n) for kind, n in by_time]


def _tries(connection: Connection, campaign_key: int) -> Tries:
    a = attempts.c
    made = (a.campaign_key == campaign_key) & a.outcome.is_distinct_from(Outcome.NOT_SENT)
    query = select(func.count(), func.count(a.position.distinct())).where(made)
    tried = [
        connection.execute(query.where(piece.holds(a.position))).one() for piece in pieces_of(connection, campaign_key)
    ]
    return Tries(sum(int(n) for n, _ in tried), sum(int(of) for _, of in tried))
