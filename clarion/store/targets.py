"""Targets and attempts as people see them: finding, listing and counting them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from clarion.domain.books import Books
from clarion.domain.target import Outcome
from clarion.store.database import Database
from clarion.store.schema import attempts, books, campaigns, charged, targets

RETRYABLE_OUTCOMES = (
    *(Outcome.FAILED, Outcome.UNDELIVERED, Outcome.EXPIRED, Outcome.NOT_SENT),
    *(Outcome.NO_ANSWER, Outcome.BUSY, Outcome.VOICEMAIL, Outcome.CANCELLED),
    *(Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID_ANSWER, Outcome.NOT_FOUND),
)
"""Failures that another try can help; a wrong number stays wrong."""

PAGE = 1_000
"""Targets read at once where all are."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A campaign's books beside a count of its targets, both of one moment."""

    booked: Books
    counted: Books

    @property
    def balanced(self) -> bool:
        """Whether every target is in exactly one state, and the books say the same."""
        return self.counted.balanced and self.counted == self.booked


class Targets:
    """Queries about targets. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def audit(self, campaign_key: int) -> Audit:
        """Count the targets row by row and compare with the books. Takes time on a large campaign."""
        booked = select(books.c.state, func.sum(books.c.n)).where(books.c.campaign_key == campaign_key)
        with self._database.read() as connection:
            counted = _counted(connection, campaign_key)
            by_state = {state: int(n) for state, n in connection.execute(booked.group_by(books.c.state))}
        return Audit(Books.of(counted.total, by_state), counted)

    def count_books(self, campaign_key: int) -> Books:
        """Count the targets themselves, row by row: what the books must say. Takes time on a large campaign."""
        with self._database.read() as connection:
            return _counted(connection, campaign_key)

    def get(self, campaign_key: int, position: int) -> Row[Any] | None:
        """All columns of one target."""
        query = select(targets).where(targets.c.campaign_key == campaign_key, targets.c.position == position)
        with self._database.read() as connection:
            return connection.execute(query).one_or_none()

    def positions_of(self, campaign_key: int, address: str) -> list[int]:
        """Where an address stands in a campaign, in order."""
        query = select(targets.c.position).where(targets.c.address == address, targets.c.campaign_key == campaign_key)
        with self._database.read() as connection:
            return sorted(position for (position,) in connection.execute(query))

    def attempts_of(self, campaign_key: int, position: int) -> Sequence[Row[Any]]:
        """All attempts at one target, in order; ``cost`` is what each cost in the end."""
        columns = [charged if column is attempts.c.cost else column for column in attempts.c]
        query = select(*columns).where(attempts.c.campaign_key == campaign_key, attempts.c.position == position)
        with self._database.read() as connection:
            return connection.execute(query.order_by(attempts.c.number)).all()

    def page(
        self,
        campaign_key: int,
        *,
        state: str | None = None,
        outcome: str | None = None,
        among: Collection[int] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Row[Any]]:
        """Up to ``limit`` targets after a position, each with its last attempt's facts.

        ``among`` are positions, 1,000 at most: all others are left out.
        """
        last_attempt = (
            (attempts.c.campaign_key == targets.c.campaign_key)
            & (attempts.c.position == targets.c.position)
            & (attempts.c.number == targets.c.attempts)
        )
        query = (
            select(
                targets,
                attempts.c.intended_at,
                attempts.c.ended_at,
                charged,
                attempts.c.provider_reference,
                attempts.c.provider_status,
                attempts.c.provider_code,
            )
            .outerjoin(attempts, last_attempt)
            .where(targets.c.campaign_key == campaign_key, targets.c.position > after)
            .order_by(targets.c.position)
            .limit(limit)
        )
        if state is not None:
            query = query.where(targets.c.state == state)
        if outcome is not None:
            query = query.where(targets.c.outcome == outcome)
        if among is not None:
            query = query.where(targets.c.position.in_(among))
        with self._database.read() as connection:
            return connection.execute(query).all()

    def all(self, campaign_key: int) -> Iterator[Row[Any]]:
        """Every target in order, in flat memory."""
        after = 0
        while rows := self.page(campaign_key, after=after, limit=PAGE):
            yield from rows
            after = rows[-1].position

    def by_outcome(self, campaign_key: int) -> Sequence[Row[tuple[str, str, int]]]:
        """Counts by state and outcome, from the books."""
        query = select(books.c.state, books.c.outcome, books.c.n).where(
            books.c.campaign_key == campaign_key, books.c.n != 0
        )
        with self._database.read() as connection:
            return connection.execute(query.order_by(books.c.state, books.c.outcome)).all()


def _counted(connection: Connection, campaign_key: int) -> Books:
    query = select(targets.c.state, func.count()).where(targets.c.campaign_key == campaign_key)
    by_state = {state: int(n) for state, n in connection.execute(query.group_by(targets.c.state))}
    total = connection.execute(select(campaigns.c.total).where(campaigns.c.key == campaign_key)).scalar_one()
    return Books.of(total, by_state)
