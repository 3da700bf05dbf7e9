"""What the pages ask the store beyond what all front doors ask: lists with filters, rates over time. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select

from clarion.domain.books import Books
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.store.schema import TICK_SECONDS, attempts, books, calls, campaigns, of_attempt, placed, targets, ticks
from clarion.store.store import Store

POINTS = 120
"""Of a rate over time, at most."""
CALLS = 50
"""Calls under way that are shown."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which campaigns a list shows; what is None or empty does not matter."""

    status: CampaignStatus | None = None
    channel: Channel | None = None
    search: str = ""
    before: int | None = None
    """Only campaigns with a smaller number in the store."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign in the list. Times are epoch seconds, money the account's."""

    key: int
    campaign_id: str
    name: str
    channel: Channel
    account: str
    status: CampaignStatus
    reason: str
    books: Books
    spent: float
    created_at: float
    started_at: float | None
    finished_at: float | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Contacts a minute, evenly spaced from ``begins`` on (epoch seconds), each over ``span`` seconds."""

    begins: float
    span: float
    values: tuple[float, ...]

    @property
    def ends(self) -> float:
        """When the last of them ends."""
        return self.begins + self.span * len(self.values)


@dataclass(frozen=True, slots=True)
class CallNow:
    """A call under way."""

    position: int
    address: str
    stage: Stage
    since: float


def campaigns_listed(store: Store, tenant: str, wanted: Wanted, limit: int) -> list[Listed]:
    """List the newest campaigns of a tenant, the newest first."""
    c = campaigns.c
    parent = campaigns.alias()
    query = select(campaigns, parent.c.campaign_id.label("parent_id")).where(c.tenant == tenant)
    query = query.outerjoin_from(campaigns, parent, parent.c.key == c.parent_key)
    if wanted.status is not None:
        query = query.where(c.status == wanted.status.value)
    if wanted.channel is not None:
        query = query.where(c.channel == wanted.channel.value)
    if wanted.search:
        like = f"%{_escaped(wanted.search.lower())}%"
        query = query.where(
            or_(func.lower(c.name).like(like, escape="\\"), func.lower(c.campaign_id).like(like, escape="\\"))
        )
    if wanted.before is not None:
        query = query.where(c.key < wanted.before)
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(c.key.desc()).limit(limit)).all()
        states = _states(connection, [row.key for row in rows])
    return [
        Listed(
            key=row.key,
            campaign_id=row.campaign_id,
            name=row.name,
            channel=Channel(row.channel),
            account=row.account,
            status=CampaignStatus(row.status),
            reason=row.reason or row.halt,
            books=Books.of(row.total, states.get(row.key, {})),
            spent=row.spent / 1e6,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            parent=row.parent_id,
        )
        for row in rows
    ]


def _states(connection: Connection, keys: Sequence[int]) -> dict[int, dict[str, int]]:
    query = select(books.c.campaign_key, books.c.state, func.sum(books.c.n)).where(books.c.campaign_key.in_(keys))
    found: dict[int, dict[str, int]] = {}
    for key, state, n in connection.execute(query.group_by(books.c.campaign_key, books.c.state)):
        found.setdefault(key, {})[state] = int(n)
    return found


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def rates(store: Store, campaign_key: int, until: float) -> Rates | None:
    """Tell how many targets were contacted a minute, over a campaign's whole life; None before the first."""
    of_campaign = ticks.c.campaign_key == campaign_key
    with store.database.read() as connection:
        first, last = connection.execute(select(func.min(ticks.c.at), func.max(ticks.c.at)).where(of_campaign)).one()
        if first is None:
            return None
        end = min(max(float(last) + TICK_SECONDS, first + 2 * TICK_SECONDS), until) if until > first else last
        steps = max(1, -(-int(end - first) // (POINTS * TICK_SECONDS)))
        wide = steps * TICK_SECONDS
        place = (ticks.c.at - first) // wide
        query = select(place.label("place"), func.sum(ticks.c.contacted)).where(of_campaign).group_by(place)
        counts: Mapping[int, int] = {int(at): int(n) for at, n in connection.execute(query)}
    n = max(1, int(end - first) // wide, 1)
    return Rates(float(first), float(wide), tuple(60.0 * counts.get(i, 0) / wide for i in range(n)))


def calls_now(store: Store, campaign_key: int) -> list[CallNow]:
    """List calls that go on, the oldest first."""
    of_target = and_(targets.c.campaign_key == attempts.c.campaign_key, targets.c.position == attempts.c.position)
    query = (
        select(attempts.c.position, targets.c.address, calls.c.stage, attempts.c.intended_at)
        .select_from(attempts.outerjoin(calls, of_attempt).join(targets, of_target))
        .where(attempts.c.campaign_key == campaign_key, placed)
        .order_by(attempts.c.intended_at)
        .limit(CALLS)
    )
    with store.database.read() as connection:
        return [
            CallNow(position, address or "", Stage(stage or Stage.PLACED), since)
            for position, address, stage, since in connection.execute(query)
        ]
