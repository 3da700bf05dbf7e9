"""How the campaigns of a tenant did over a time: attempts by when they were made, and sums of each campaign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal_column, or_, select

from clarion.domain.attempt import SUCCESSES
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.target import Outcome, TargetState
from clarion.store.database import Database
from clarion.store.schema import attempts, books, campaigns, charged
from clarion.store.specs import parsed_spec

QUARTER = 900
"""Seconds of a quarter of an hour: all time zones in use differ from UTC by a multiple of it."""

GOES_ON = (Outcome.NOT_SENT, Outcome.PLACED, Outcome.SUBMITTED)
"""Outcomes of attempts that are not counted: they were not made, or have not ended."""

NEITHER = (Outcome.UNKNOWN, Outcome.CANCELLED, Outcome.OPTED_OUT)
"""Outcomes that are neither a success nor a failure, as the targets' states have it."""

LEAVES_MESSAGE = '"machine":"leave_message"'
"""In a stored campaign of calls: the voicemail is left a message, which is a success."""


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
    """Epoch seconds: attempts made from then on, of campaigns that had not ended by then."""
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

    def contacts(self, scope: Scope) -> Sequence[Contacts]:
        """Add up the attempts that have ended, in the order of time; reads all attempts of the campaigns."""
        a, c = attempts.c, campaigns.c
        # A cast cuts off what is left in SQLite, and rounds in PostgreSQL.
        whole = a.intended_at if self._database.is_sqlite else func.floor(a.intended_at)
        second = cast(whole, BigInteger)
        # A literal: to PostgreSQL two parameters are never the same, be they selected and grouped by.
        begin = (second - second % literal_column(str(QUARTER))).label("begin")
        query = (
            select(begin, c.channel, _result().label("result"), func.count(), func.sum(charged))
            .join_from(campaigns, attempts, c.key == a.campaign_key)
            .where(*scope.conditions(), a.intended_at >= scope.since)
            .where(a.outcome.is_not(None), a.outcome.not_in(GOES_ON))
            .group_by("begin", c.channel, "result")
            .order_by("begin")
        )
        with self._database.read() as connection:
            return [
                Contacts(int(at), Channel(channel), Result(result), n, int(cost or 0))
                for at, channel, result, n, cost in connection.execute(query)
            ]

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


def _result() -> ColumnElement[str]:
    outcome = attempts.c.outcome
    left = and_(outcome == Outcome.VOICEMAIL, campaigns.c.spec.contains(LEAVES_MESSAGE, autoescape=True))
    return case(
        (outcome.in_(SUCCESSES), Result.SUCCEEDED.value),
        (outcome.in_(NEITHER), Result.NEITHER.value),
        (left, Result.SUCCEEDED.value),
        else_=Result.FAILED.value,
    )
