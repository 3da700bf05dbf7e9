"""What an operator watches, over all tenants, in a few cheap queries: counts and ages, nothing about anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from clarion.domain.attempt import NEVER
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import TargetState
from clarion.store.database import Database
from clarion.store.schema import TICK_SECONDS, books, campaigns, pace, receipts, targets, ticks
from clarion.store.snapshots import RATE_SPAN

MOVING = tuple(status.value for status in CampaignStatus if not status.is_final and status is not CampaignStatus.DRAFT)


@dataclass(frozen=True, slots=True)
class Stock:
    """Targets of all campaigns of a tenant on a channel that are in one state."""

    tenant: str
    channel: str
    state: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Campaigns of a tenant that are in one status."""

    tenant: str
    channel: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class Contacts:
    """Attempts that a tenant's campaigns on an account have ever begun."""

    tenant: str
    account: str
    channel: str
    count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes through an account at the moment."""

    tenant: str
    account: str
    channel: str
    lanes: int
    """That the running campaigns may hold together."""
    active: int
    """Targets in contact."""
    per_second: float
    """Contacts, over the last minute."""
    idle: float
    """Seconds since the last contact of the open campaign that has waited longest, with targets due; 0: none waits."""
    queue_age: float
    """Seconds for which the longest waiting retry has been due."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """All of it at one moment."""

    stocks: Sequence[Stock]
    standings: Sequence[Standing]
    contacts: Sequence[Contacts]
    flows: Sequence[Flow]
    spacings: dict[str, float]
    """Seconds between contacts that somebody has set, by the key of the pace."""
    receipts_waiting: int
    receipts_lag: float
    """Seconds for which the oldest receipt has been stored and not applied."""


def read_gauges(database: Database, now: float) -> Gauges:
    """Read everything. Blocking."""
    with database.read() as connection:
        waiting, oldest = connection.execute(
            select(func.count(), func.min(receipts.c.received_at)).where(receipts.c.applied_at.is_(None))
        ).one()
        spacings = select(pace.c.key, pace.c.spacing).where(pace.c.spacing.is_not(None))
        return Gauges(
            stocks=_stocks(connection),
            standings=_standings(connection),
            contacts=_contacts(connection),
            flows=_flows(connection, now),
            spacings={key: float(spacing) for key, spacing in connection.execute(spacings)},
            receipts_waiting=int(waiting),
            receipts_lag=0.0 if oldest is None else max(0.0, now - oldest),
        )


def _stocks(connection: Connection) -> list[Stock]:
    c = campaigns.c
    kind = (c.tenant, c.channel, books.c.state, books.c.outcome)
    query = select(*kind, func.sum(books.c.n)).join(books, books.c.campaign_key == c.key).group_by(*kind)
    found = connection.execute(query.where(c.template.is_(False)))
    return [Stock(tenant, channel, state, outcome, int(n)) for tenant, channel, state, outcome, n in found]


def _standings(connection: Connection) -> list[Standing]:
    c = campaigns.c
    kind = (c.tenant, c.channel, c.status)
    query = select(*kind, func.count()).where(c.template.is_(False)).group_by(*kind)
    found = connection.execute(query)
    return [Standing(tenant, channel, status, int(n)) for tenant, channel, status, n in found]


def _contacts(connection: Connection) -> list[Contacts]:
    c = campaigns.c
    kind = (c.tenant, c.account, c.channel)
    query = select(*kind, func.sum(ticks.c.contacted)).join(ticks, ticks.c.campaign_key == c.key).group_by(*kind)
    found = connection.execute(query)
    return [Contacts(tenant, account, channel, int(n)) for tenant, account, channel, n in found]


def _flows(connection: Connection, now: float) -> list[Flow]:
    c = campaigns.c
    query = select(c.key, c.tenant, c.account, c.channel, c.lanes, c.open, c.started_at).where(
        c.status.in_(MOVING), c.template.is_(False)
    )
    found: dict[tuple[str, str, str], Flow] = {}
    for row in connection.execute(query).all():
        kind = (row.tenant, row.account, row.channel)
        was = found.get(kind, Flow(*kind, lanes=0, active=0, per_second=0.0, idle=0.0, queue_age=0.0))
        per_second, last = _rate(connection, row.key, now)
        due_since = _due_since(connection, row.key, row.started_at or now)
        idle = 0.0
        if row.open and due_since is not None and due_since <= now:
            idle = now - max(last, due_since)
        found[kind] = Flow(
            *kind,
            lanes=was.lanes + (row.lanes if row.open else 0),
            active=was.active + _active(connection, row.key),
            per_second=was.per_second + per_second,
            idle=max(was.idle, idle),
            queue_age=max(was.queue_age, _queue_age(connection, row.key, now)),
        )
    return list(found.values())


def _rate(connection: Connection, key: int, now: float) -> tuple[float, float]:
    """Contacts a second over the last minute, and when the last one was."""
    query = select(func.coalesce(func.sum(ticks.c.contacted), 0)).where(
        ticks.c.campaign_key == key, ticks.c.at > now - RATE_SPAN
    )
    last = connection.execute(select(func.max(ticks.c.at)).where(ticks.c.campaign_key == key)).scalar()
    return float(connection.execute(query).scalar_one()) / RATE_SPAN, 0.0 if last is None else last + TICK_SECONDS


def _active(connection: Connection, key: int) -> int:
    query = select(func.sum(books.c.n)).where(books.c.campaign_key == key, books.c.state == TargetState.ACTIVE.value)
    return int(connection.execute(query).scalar() or 0)


def _due_since(connection: Connection, key: int, started_at: float) -> float | None:
    """Since when a target has been due that nobody has claimed."""
    found = []
    for state in (TargetState.PENDING, TargetState.WAITING):
        free = (targets.c.campaign_key == key) & (targets.c.state == state.value) & targets.c.chunk.is_(None)
        at = connection.execute(select(func.min(targets.c.due_at)).where(free)).scalar()
        if at is not None and at < NEVER:
            found.append(max(float(at), started_at))
    return min(found) if found else None


def _queue_age(connection: Connection, key: int, now: float) -> float:
    waiting = (targets.c.campaign_key == key) & (targets.c.state == TargetState.WAITING.value)
    at = connection.execute(select(func.min(targets.c.due_at)).where(waiting, targets.c.chunk.is_(None))).scalar()
    return 0.0 if at is None else max(0.0, now - float(at))
