"""How a campaign stands at one moment, from its books: what workflows, front doors and people are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from clarion.contracts import Snapshot
from clarion.domain.attempt import NEVER
from clarion.domain.books import Books
from clarion.domain.call import Stage
from clarion.domain.campaign import Channel
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome, TargetState
from clarion.store.claims import claimable
from clarion.store.database import Database
from clarion.store.feeding import awaits_rows
from clarion.store.lead_rows import What, read_counts
from clarion.store.lead_schema import leads, unwritten
from clarion.store.schema import (
    TICK_SECONDS,
    attempts,
    books,
    calls,
    campaigns,
    of_attempt,
    placed,
    targets,
    ticks,
)
from clarion.store.specs import parsed_spec

RATE_SPAN = 60.0
"""Seconds over which the rate of a running campaign is measured."""


def take_snapshot(connection: Connection, key: int, now: float) -> Snapshot:
    """Read a campaign's books, rate, expected end and what is due next; cheap at any size. Raises NotFound."""
    c = campaigns.c
    query = select(c.total, c.started_at, c.channel, c.parent_key, c.spec).where(c.key == key)
    campaign = connection.execute(query).one_or_none()
    if campaign is None:
        message = f"there is no campaign number {key} in this database"
        raise NotFound(message)
    by_state, outcomes = _read_books(connection, key)
    under_way = connection.execute(
        select(func.count()).where(attempts.c.campaign_key == key, attempts.c.outcome.is_(None))
    ).scalar_one()
    calls_by_stage = _stages(connection, key) if campaign.channel == Channel.CALL else {}
    of_leads = (
        _leads(connection, key, outcomes, campaign.spec) if campaign.channel == Channel.LEAD_ANALYSIS else _NO_LEADS
    )
    figures = Books.of(campaign.total, by_state)
    due = _due(connection, key, claimable(campaign.channel))
    per_minute = _per_minute(connection, key, now, campaign.started_at or 0.0)
    return Snapshot(
        as_of=now,
        books=figures,
        outcomes=dict(sorted(outcomes.items(), key=lambda item: -item[1])),
        per_minute=round(per_minute, 1),
        eta=_expected_end(figures, per_minute, due, now),
        next_due_at=min(due) if due else None,
        under_way=under_way + sum(calls_by_stage.values()),
        stages=calls_by_stage or of_leads.stages,
        awaits_rows=campaign.parent_key is not None and awaits_rows(connection, key),
        unfetched=of_leads.unfetched,
        in_batches=of_leads.in_batches,
        unwritten=of_leads.unwritten,
    )


def books_of(database: Database, campaign_totals: Mapping[int, int]) -> dict[int, Books]:
    """Return the books of some campaigns, given with their totals, by their numbers; in one query. Blocking."""
    query = select(books.c.campaign_key, books.c.state, func.sum(books.c.n)).where(
        books.c.campaign_key.in_(campaign_totals)
    )
    states: dict[int, dict[str, int]] = {}
    with database.read() as connection:
        for key, state, n in connection.execute(query.group_by(books.c.campaign_key, books.c.state)):
            states.setdefault(key, {})[state] = int(n)
    return {key: Books.of(total, states.get(key, {})) for key, total in campaign_totals.items()}


def _read_books(connection: Connection, key: int) -> tuple[dict[str, int], dict[str, int]]:
    by_state: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    query = select(books.c.state, books.c.outcome, books.c.n).where(books.c.campaign_key == key, books.c.n != 0)
    for state, outcome, n in connection.execute(query):
        by_state[state] = by_state.get(state, 0) + n
        if outcome:
            outcomes[outcome] = outcomes.get(outcome, 0) + n
    return by_state, outcomes


def _stages(connection: Connection, key: int) -> dict[str, int]:
    """Calls that go on, by how far they have come."""
    stage = func.coalesce(calls.c.stage, Stage.PLACED.value)
    query = (
        select(stage, func.count())
        .select_from(attempts.outerjoin(calls, of_attempt))
        .where(attempts.c.campaign_key == key, placed)
        .group_by(stage)
    )
    none = {known.value: 0 for known in Stage if known is not Stage.ENDED}
    return none | {known: int(n) for known, n in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class _Leads:
    """How far the leads of a campaign have come."""

    unfetched: int = 0
    in_batches: int = 0
    unwritten: int = 0
    stages: dict[str, int] = field(default_factory=dict)


_NO_LEADS = _Leads()


def _leads(connection: Connection, key: int, outcomes: Mapping[str, int], spec: str) -> _Leads:
    waiting = (targets.c.state == TargetState.PENDING) & (targets.c.due_at == NEVER) & targets.c.chunk.is_(None)
    unfetched = select(func.count()).where(targets.c.campaign_key == key, waiting)
    to_write = select(func.count()).where(leads.c.campaign_key == key, unwritten)
    crm = parsed_spec(spec).lead
    writes = crm is not None and crm.writing and bool(crm.write_back)
    counts = read_counts(connection, key)
    in_batches = outcomes.get(Outcome.SUBMITTED, 0)
    return _Leads(
        unfetched=int(connection.execute(unfetched).scalar_one()),
        in_batches=in_batches,
        unwritten=int(connection.execute(to_write).scalar_one()) if writes else 0,
        stages={
            "fetched": counts[What.FETCHED],
            "reused": counts[What.REUSED],
            "assessed": outcomes.get(Outcome.ASSESSED, 0),
            "submitted": in_batches,
            "written": counts[What.WRITTEN],
        },
    )


def _due(connection: Connection, key: int, states: Sequence[TargetState]) -> list[float]:
    """When the next target of each state is due that nobody has claimed."""
    dues = []
    for state in states:
        free = (targets.c.campaign_key == key) & (targets.c.state == state) & targets.c.chunk.is_(None)
        at = connection.execute(select(func.min(targets.c.due_at)).where(free)).scalar()
        if at is not None and at < NEVER:
            dues.append(float(at))
    return dues


def _per_minute(connection: Connection, key: int, now: float, started_at: float) -> float:
    since = now - RATE_SPAN
    query = select(func.coalesce(func.sum(ticks.c.contacted), 0), func.min(ticks.c.at)).where(
        ticks.c.campaign_key == key, ticks.c.at > since - TICK_SECONDS
    )
    contacted, first = connection.execute(query).one()
    if not contacted:
        return 0.0
    return 60.0 * float(contacted) / max(now - max(since, float(first), started_at), TICK_SECONDS)


def _expected_end(figures: Books, per_minute: float, due: Sequence[float], now: float) -> float | None:
    left = figures.pending + figures.waiting
    if not left or per_minute <= 0:
        return None
    return round(max([now, *due]) + 60.0 * left / per_minute, 1)
