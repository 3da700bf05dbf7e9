"""Calls as lanes and people look at them: how those under way stand, what was said, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from clarion.domain.attempt import AttemptId
from clarion.domain.call import AnsweredBy, Stage, Turn
from clarion.domain.target import Outcome
from clarion.store.call_rows import MILLION, read_analysis, read_turns
from clarion.store.database import Database
from clarion.store.pages import AttemptPlace, beyond
from clarion.store.pieces import Piece, Remembered, pieces_of
from clarion.store.schema import attempts, calls, charged, of_attempt, placed, targets

TOP = 20
"""Values shown of each field of the providers' assessments."""

MOST_VALUES = 5_000
"""Different values of a field that are counted; of a field that holds free text, those beyond are left out."""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a call stands, for the lane that waits for its end. Times are in epoch seconds."""

    outcome: Outcome | None
    provider_reference: str | None
    stage: Stage | None
    answered_by: AnsweredBy | None
    receipt_at: float | None
    """When its provider sent something last."""
    intended_at: float
    slot_at: float
    duration: float | None
    """Seconds from the answer to the end, once they are known."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Everything about one call. Times are in epoch seconds, by our clock when we were told."""

    attempt: AttemptId
    address: str
    outcome: Outcome | None
    stage: Stage | None
    intended_at: float
    placed_at: float | None
    answered_at: float | None
    ended_at: float | None
    answered_by: AnsweredBy | None
    duration: float | None
    """Seconds from the answer to the end."""
    cost: float
    """In the account's currency; of a call that goes on, the most it can cost."""
    provider_reference: str | None
    provider_status: str | None
    detail: str | None
    disconnection_reason: str | None
    recording_url: str | None
    summary: str | None
    turns: tuple[Turn, ...]
    analysis: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """A call under way, since ``since`` (epoch seconds)."""

    position: int
    address: str
    stage: Stage
    since: float


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What the calls of a campaign came to. Durations are in seconds, money in the account's currency."""

    calls: int
    by_outcome: Mapping[str, int]
    """Those under way are counted as `placed`."""
    by_analysis: Mapping[str, Mapping[str, int]]
    """By field of the providers' assessment and value, the most frequent first."""
    total_duration: float
    average_duration: float | None
    """Of the calls whose duration is known."""
    cost: float
    cost_per_answered: float | None


class Calls:
    """Queries about calls. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        # What is told of a call after its end changes nothing that tells sums to be old.
        self._summaries = Remembered(database, _summary, longest=60.0)

    def watch(self, wanted: Collection[AttemptId]) -> dict[AttemptId, Watched]:
        """Return how some calls stand, in one query; those that do not exist are left out."""
        if not wanted:
            return {}
        a, c = attempts.c, calls.c
        columns = (a.campaign_key, a.position, a.number, a.outcome, a.provider_reference, c.stage, c.answered_by)
        query = (
            select(*columns, a.receipt_at, a.intended_at, a.slot_at, c.duration)
            .select_from(attempts.outerjoin(calls, of_attempt))
            # A little more than what is wanted, where campaigns have positions in common, and only by the primary key.
            .where(
                a.campaign_key.in_({attempt.campaign_key for attempt in wanted}),
                a.position.in_({attempt.position for attempt in wanted}),
            )
        )
        with self._database.read() as connection:
            found = {AttemptId(*row[:3]): _watched(row) for row in connection.execute(query)}
        return {attempt: found[attempt] for attempt in wanted if attempt in found}

    def under_way(self, campaign_key: int) -> int:
        """How many calls go on, or may: those that providers have taken on, and those whose answer never came."""
        of_campaign = select(func.count()).where(attempts.c.campaign_key == campaign_key)
        with self._database.read() as connection:
            counts = (of_campaign.where(placed), of_campaign.where(attempts.c.outcome.is_(None)))
            return sum(int(connection.execute(query).scalar_one()) for query in counts)

    def of_target(self, campaign_key: int, position: int) -> list[CallRecord]:
        """All calls to one target, in order."""
        this = (attempts.c.campaign_key == campaign_key) & (attempts.c.position == position)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(_records().where(this))]

    def transcripts(self, campaign_key: int, *, after: int = 0, limit: int = 100) -> list[CallRecord]:
        """Calls with a transcript or summary, of the next ``limit`` targets that have any after position ``after``."""
        told = _told(campaign_key)
        following = (
            select(calls.c.position)
            .where(told, calls.c.position > after)
            .group_by(calls.c.position)
            .order_by(calls.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            positions = connection.execute(following).scalars().all()
            if not positions:
                return []
            between = attempts.c.position.between(positions[0], positions[-1])
            query = _records().where(told, attempts.c.campaign_key == campaign_key, between)
            return [_record(row) for row in connection.execute(query)]

    def list_under_way(self, campaign_key: int, limit: int = 50) -> list[CallUnderWay]:
        """List calls that go on, the oldest first."""
        of_target = and_(targets.c.campaign_key == attempts.c.campaign_key, targets.c.position == attempts.c.position)
        query = (
            select(attempts.c.position, targets.c.address, calls.c.stage, attempts.c.intended_at)
            .select_from(attempts.outerjoin(calls, of_attempt).join(targets, of_target))
            .where(attempts.c.campaign_key == campaign_key, placed)
            .order_by(attempts.c.intended_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                CallUnderWay(position, address or "", Stage(stage or Stage.PLACED), since)
                for position, address, stage, since in connection.execute(query)
            ]

    def page(self, campaign_key: int, after: AttemptPlace, limit: int, *, told_only: bool = False) -> list[CallRecord]:
        """The next ``limit`` calls, in the order of the audience; ``told_only``: those with a transcript or summary."""
        a = attempts.c
        query = _records().where(a.campaign_key == campaign_key, beyond((a.position, a.number), after))
        if told_only:
            query = query.where(_told(campaign_key))
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query.limit(limit))]

    def latest(self, campaign_key: int, *, after: int = 0, limit: int = 100) -> list[CallRecord]:
        """The last call to each of the next ``limit`` targets after position ``after`` that were called at all."""
        known = calls.c.campaign_key == campaign_key
        following = select(calls.c.position).where(known, calls.c.position > after)
        following = following.group_by(calls.c.position).order_by(calls.c.position).limit(limit)
        with self._database.read() as connection:
            positions = connection.execute(following).scalars().all()
            if not positions:
                return []
            between = attempts.c.position.between(positions[0], positions[-1])
            query = _records().where(known, attempts.c.campaign_key == campaign_key, between)
            found = {row.position: row for row in connection.execute(query)}
        return [_record(row) for row in found.values()]

    def summary(self, campaign_key: int) -> CallSummary:
        """Sum up all calls of a campaign. Reads each of them; of a large campaign what it says may be a minute old."""
        return self._summaries.of(campaign_key)


def _summary(connection: Connection, campaign_key: int) -> CallSummary:
    by_outcome: Counter[str] = Counter()
    by_analysis: dict[str, Counter[str]] = {}
    seconds, timed, cost = 0.0, 0, 0
    for piece in pieces_of(connection, campaign_key):
        for outcome, n, paid in connection.execute(_tried(campaign_key, piece)):
            by_outcome[outcome or Outcome.PLACED] += n
            cost += int(paid)
        for analysis, n, lasted, of in connection.execute(_talked(campaign_key, piece)):
            seconds, timed = seconds + lasted, timed + of
            if analysis is not None:
                _count_values(by_analysis, read_analysis(analysis), n)
    answered = by_outcome[Outcome.ANSWERED]
    return CallSummary(
        calls=by_outcome.total(),
        by_outcome=dict(by_outcome.most_common()),
        by_analysis={name: dict(values.most_common(TOP)) for name, values in sorted(by_analysis.items())},
        total_duration=seconds,
        average_duration=seconds / timed if timed else None,
        cost=cost / MILLION,
        cost_per_answered=cost / MILLION / answered if answered else None,
    )


def _tried(campaign_key: int, piece: Piece) -> Select[tuple[str | None, int, int]]:
    """Count the attempts of a piece by how they ended."""
    a = attempts.c
    made = (a.campaign_key == campaign_key) & piece.holds(a.position) & a.outcome.is_distinct_from(Outcome.NOT_SENT)
    return select(a.outcome, func.count(), func.sum(charged)).where(made).group_by(a.outcome)


def _talked(campaign_key: int, piece: Piece) -> Select[tuple[str | None, int, float, int]]:
    """Count the calls of a piece of which more is known, by what their provider makes of them."""
    c = calls.c
    lasted = func.coalesce(func.sum(c.duration), 0.0)
    of_piece = (c.campaign_key == campaign_key) & piece.holds(c.position)
    # Without their attempts, each of which would have to be looked up: one that was not sent has lasted no time.
    return select(c.analysis, func.count(), lasted, func.count(c.duration)).where(of_piece).group_by(c.analysis)


def _count_values(found: dict[str, Counter[str]], analysis: Mapping[str, str], n: int) -> None:
    for name, value in analysis.items():
        values = found.setdefault(name, Counter())
        if value in values or len(values) < MOST_VALUES:
            values[value] += n


def _told(campaign_key: int) -> ColumnElement[bool]:
    return (calls.c.campaign_key == campaign_key) & (calls.c.transcript.is_not(None) | calls.c.summary.is_not(None))


def _records() -> Select[Any]:
    a, c = attempts.c, calls.c
    of_target = (targets.c.campaign_key == a.campaign_key) & (targets.c.position == a.position)
    return (
        select(
            *(a.campaign_key, a.position, a.number, targets.c.address, a.outcome, c.stage, a.intended_at),
            *(c.placed_at, c.answered_at, func.coalesce(c.ended_at, a.ended_at).label("over_at"), c.answered_by),
            *(c.duration, charged, a.provider_reference, a.provider_status, a.detail, c.disconnection_reason),
            *(c.recording_url, c.summary, c.transcript, c.analysis),
        )
        .select_from(attempts.outerjoin(calls, of_attempt).join(targets, of_target))
        .order_by(a.position, a.number)
    )


def _record(row: Row[Any]) -> CallRecord:
    return CallRecord(
        attempt=AttemptId(row.campaign_key, row.position, row.number),
        address=row.address or "",
        outcome=None if row.outcome is None else Outcome(row.outcome),
        stage=None if row.stage is None else Stage(row.stage),
        intended_at=row.intended_at,
        placed_at=row.placed_at,
        answered_at=row.answered_at,
        ended_at=row.over_at,
        answered_by=None if row.answered_by is None else AnsweredBy(row.answered_by),
        duration=row.duration,
        cost=row.cost / MILLION,
        provider_reference=row.provider_reference,
        provider_status=row.provider_status,
        detail=row.detail,
        disconnection_reason=row.disconnection_reason,
        recording_url=row.recording_url,
        summary=row.summary,
        turns=read_turns(row.transcript),
        analysis=read_analysis(row.analysis),
    )


def _watched(row: Row[Any]) -> Watched:
    return Watched(
        outcome=None if row.outcome is None else Outcome(row.outcome),
        provider_reference=row.provider_reference,
        stage=None if row.stage is None else Stage(row.stage),
        answered_by=None if row.answered_by is None else AnsweredBy(row.answered_by),
        receipt_at=row.receipt_at,
        intended_at=row.intended_at,
        slot_at=row.slot_at,
        duration=row.duration,
    )
