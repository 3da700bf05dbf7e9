"""How the campaigns of a tenant did over a time: attempts by when they were made, and sums of each campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from clarion.domain.attempt import SUCCESSES
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.target import Outcome, TargetState
from clarion.store.database import Database
from clarion.store.pieces import pieces_of
from clarion.store.schema import attempts, books, campaigns
from clarion.store.specs import parsed_spec

QUARTER = 900
"""Seconds of a quarter of an hour: all time zones in use differ from UTC by a multiple of it."""

GOES_ON = (Outcome.NOT_SENT, Outcome.PLACED, Outcome.SUBMITTED)
"""Outcomes of attempts that are not counted: they were not made, or have not ended."""

NEITHER = (Outcome.UNKNOWN, Outcome.CANCELLED, Outcome.OPTED_OUT)
"""Outcomes that are neither a success nor a failure, as the targets' states have it."""

LEAVES_MESSAGE = '"machine":"leave_message"'
"""In a stored campaign of calls: the voicemail is left a message, which is a success."""


Quarters = list[tuple[int, str, int, int]]
"""Beginning of a quarter of an hour, outcome, how many, and what they cost."""

MOST_KEPT = 200_000
"""Quarters of an hour remembered over all campaigns: some 30 MB."""


class Result(StrEnum):
    """What an attempt came to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which campaigns, and from when on."""

    tenant: str
    since: float
    """Epoch seconds, on a quarter of an hour: attempts from then on, of campaigns that had not ended by then."""
    channel: Channel | None = None
    account: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what holds for its campaigns."""
        c = campaigns.c
        yield c.tenant == self.tenant
        yield c.template.is_(False)
        yield c.started_at.is_not(None)
        yield or_(c.finished_at.is_(None), c.finished_at >= self.since)
        if self.channel is not None:
            yield c.channel == self.channel
        if self.account is not None:
            yield c.account == self.account


@dataclass(frozen=True, slots=True)
class Contacts:
    """Attempts made within one quarter of an hour that came to the same."""

    at: int
    """Epoch seconds of its beginning."""
    channel: Channel
    result: Result
    count: int
    cost: int
    """In millionths."""


@dataclass(frozen=True, slots=True)
class CampaignSums:
    """What a campaign came to as a whole, whenever that was."""

    key: int
    campaign_id: str
    name: str
    channel: Channel
    account: str
    status: CampaignStatus
    started_at: float
    spec: CampaignSpec
    cost: int
    """In millionths."""
    states: dict[TargetState, int] = field(default_factory=dict)


class Analytics:
    """Queries. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        self._query = _ended_attempts(is_sqlite=database.is_sqlite)
        self._known: dict[int, tuple[Hashable, Quarters]] = {}
        """By campaign what its attempts came to, beside a mark that changes whenever these do."""
        self._lock = Lock()

    def contacts(self, scope: Scope) -> list[Contacts]:
        """Add up the attempts that have ended, in no order.

        Reads all attempts of campaigns that have changed since somebody asked last, and of the others none.
        """
        found: Counter[tuple[int, Channel, Result]] = Counter()
        costs: Counter[tuple[int, Channel, Result]] = Counter()
        c = campaigns.c
        leaves = c.spec.contains(LEAVES_MESSAGE, autoescape=True).label("leaves")
        chosen = select(c.key, c.channel, leaves, c.spent).where(*scope.conditions())
        counted = select(books.c.campaign_key, books.c.state, books.c.outcome, books.c.n).join_from(
            books, campaigns, c.key == books.c.campaign_key
        )
        with self._database.read() as connection:
            stands: dict[int, set[tuple[str, str, int]]] = {}
            for key, *count in connection.execute(counted.where(*scope.conditions())):
                stands.setdefault(key, set()).add((count[0], count[1], count[2]))
            for row in connection.execute(chosen).all():
                mark = (row.spent, frozenset(stands.get(row.key, ())))
                for begin, outcome, n, cost in self._quarters_of(connection, row.key, mark):
                    if begin >= scope.since:
                        what = begin, Channel(row.channel), _result(outcome, leaves_message=row.leaves)
                        found[what] += n
                        costs[what] += cost
        return [Contacts(*what, n, costs[what]) for what, n in found.items()]

    def _quarters_of(self, connection: Connection, key: int, mark: Hashable) -> Quarters:
        """Add up a campaign's attempts, unless that is known: while ``mark`` is the same, nothing has changed."""
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        counts: Counter[tuple[int, str]] = Counter()
        costs: Counter[tuple[int, str]] = Counter()
        for piece in pieces_of(connection, key):
            given = {"key": key, **piece._asdict()}
            for at, outcome, n, cost in connection.execute(self._query, given):
                counts[int(at), outcome] += n
                costs[int(at), outcome] += int(cost)
        quarters = [(*what, n, costs[what]) for what, n in counts.items()]
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (mark, quarters)
            kept = sum(len(one) for _, one in self._known.values())
            while kept > MOST_KEPT and len(self._known) > 1:
                _, oldest = self._known.pop(next(iter(self._known)))
                kept -= len(oldest)
        return quarters

    def count(self, scope: Scope) -> dict[Channel, int]:
        """Count the campaigns by channel."""
        query = select(campaigns.c.channel, func.count()).where(*scope.conditions()).group_by(campaigns.c.channel)
        with self._database.read() as connection:
            return {Channel(channel): n for channel, n in connection.execute(query)}

    def campaigns(self, scope: Scope, limit: int) -> list[CampaignSums]:
        """Sum up the newest campaigns, the newest first; from the books, however large they are."""
        c = campaigns.c
        chosen = select(
            *(c.key, c.campaign_id, c.name, c.channel, c.account, c.status, c.started_at, c.spec, c.spent)
        ).where(*scope.conditions())
        with self._database.read() as connection:
            found = {
                row.key: CampaignSums(
                    *(row.key, row.campaign_id, row.name, Channel(row.channel), row.account),
                    *(CampaignStatus(row.status), row.started_at, parsed_spec(row.spec), row.spent),
                )
                for row in connection.execute(chosen.order_by(c.key.desc()).limit(limit))
            }
            counted = select(books.c.campaign_key, books.c.state, func.sum(books.c.n)).where(
                books.c.campaign_key.in_(found)
            )
            for key, state, n in connection.execute(counted.group_by(books.c.campaign_key, books.c.state)):
                found[key].states[TargetState(state)] = int(n)
        return list(found.values())


def _result(outcome: str, *, leaves_message: bool) -> Result:
    if outcome in SUCCESSES or (leaves_message and outcome == Outcome.VOICEMAIL):
        return Result.SUCCEEDED
    return Result.NEITHER if outcome in NEITHER else Result.FAILED


def _ended_attempts(*, is_sqlite: bool) -> Select[tuple[int, str, int, int]]:
    """Return the query of a piece of a campaign's attempts that have ended, by quarter of an hour and outcome.

    One statement for each campaign: SQLite takes four times as long where it sorts the attempts of several.
    """
    a = attempts.c
    # A cast cuts off what is left in SQLite, and rounds in PostgreSQL.
    second = cast(a.intended_at if is_sqlite else func.floor(a.intended_at), BigInteger)
    # A literal: to PostgreSQL two parameters are never the same, be they selected and grouped by.
    begin = (second - second % literal_column(str(QUARTER))).label("begin")
    of_piece = (a.position > bindparam("after")) & (a.position <= bindparam("to"))
    query = select(begin, a.outcome, func.count(), func.sum(a.cost)).where(
        a.campaign_key == bindparam("key"), of_piece, a.outcome.is_not(None), a.outcome.not_in(GOES_ON)
    )
    return query.group_by("begin", a.outcome)
