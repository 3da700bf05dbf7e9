"""What open pages look at again and again: how far campaigns have come, rates over time, and who is on the phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from clarion.domain.books import Books
from clarion.domain.call import Stage
from clarion.store.campaigns import Campaign
from clarion.store.database import Database
from clarion.store.schema import TICK_SECONDS, attempts, books, calls, of_attempt, placed, targets, ticks

POINTS = 120
"""Of a rate over time, at most."""


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


@dataclass(frozen=True, slots=True)
class CallNow:
    """A call under way, since ``since`` (epoch seconds)."""

    position: int
    address: str
    stage: Stage
    since: float


class Glances:
    """Queries that are cheap at any size. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def books(self, found: Sequence[Campaign]) -> dict[int, Books]:
        """Return the books of some campaigns by their numbers, in one query."""
        query = select(books.c.campaign_key, books.c.state, func.sum(books.c.n)).where(
            books.c.campaign_key.in_([campaign.ref.key for campaign in found])
        )
        states: dict[int, dict[str, int]] = {}
        with self._database.read() as connection:
            for key, state, n in connection.execute(query.group_by(books.c.campaign_key, books.c.state)):
                states.setdefault(key, {})[state] = int(n)
        return {one.ref.key: Books.of(one.total, states.get(one.ref.key, {})) for one in found}

    def rates(self, campaign_key: int, until: float) -> Rates | None:
        """Tell how many were contacted a minute, up to ``until`` (epoch seconds); None before the first."""
        of_campaign = ticks.c.campaign_key == campaign_key
        limits = select(func.min(ticks.c.at), func.max(ticks.c.at)).where(of_campaign)
        with self._database.read() as connection:
            first, last = connection.execute(limits).one()
            if first is None:
                return None
            # What has not gone by in full would look like a slump.
            whole = max(TICK_SECONDS, int(max(until, last) - first) // TICK_SECONDS * TICK_SECONDS)
            wide = max(1, -(-whole // (POINTS * TICK_SECONDS))) * TICK_SECONDS
            place = (ticks.c.at - first) // wide
            query = select(place, func.sum(ticks.c.contacted)).where(of_campaign).group_by(place)
            counts: Mapping[int, int] = {int(at): int(n) for at, n in connection.execute(query)}
        places = range(max(1, whole // wide))
        return Rates(float(first), float(wide), tuple(60.0 * counts.get(at, 0) / wide for at in places))

    def calls_now(self, campaign_key: int, limit: int = 50) -> list[CallNow]:
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
                CallNow(position, address or "", Stage(stage or Stage.PLACED), since)
                for position, address, stage, since in connection.execute(query)
            ]
