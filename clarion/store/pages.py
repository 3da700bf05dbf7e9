"""Lists that people leaf through: each query goes on after the place at which the page before has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, literal, select, tuple_

from clarion.store.database import Database
from clarion.store.schema import attempts, charged, conversations, targets


class AttemptPlace(NamedTuple):
    """Where an attempt stands in the order of a campaign."""

    position: int = 0
    number: int = 0


class TextPlace(NamedTuple):
    """Where a text that a person sent us stands in the order in which they came."""

    received_at: float = 0.0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A text that a person sent us."""

    reference: str
    """The provider's."""
    received_at: float
    address: str
    position: int | None
    kind: str
    body: str


def beyond(columns: Sequence[ColumnElement[Any]], place: Sequence[object]) -> ColumnElement[bool]:
    """Say that the columns, in this order, stand after a place."""
    return tuple_(*columns) > tuple_(*map(literal, place))


class Pages:
    """Queries. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def attempts(self, campaign_key: int, after: AttemptPlace, limit: int) -> Sequence[Row[Any]]:
        """The next attempts of a campaign, in the order of the audience, each with its target's address."""
        of_target = (targets.c.campaign_key == attempts.c.campaign_key) & (targets.c.position == attempts.c.position)
        columns = [charged if column is attempts.c.cost else column for column in attempts.c]
        query = (
            select(*columns, targets.c.address, targets.c.segments)
            .join_from(attempts, targets, of_target)
            .where(
                attempts.c.campaign_key == campaign_key,
                beyond((attempts.c.position, attempts.c.number), after),
            )
            .order_by(attempts.c.position, attempts.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def conversations(self, campaign_key: int, after: TextPlace, limit: int) -> Sequence[Answered]:
        """The next texts that people answered to a campaign, the oldest first."""
        c = conversations.c
        query = (
            select(c.provider_reference, c.received_at, c.address, c.position, c.kind, c.body)
            .where(
                c.campaign_key == campaign_key,
                beyond((c.received_at, c.provider_reference), after),
            )
            .order_by(c.received_at, c.provider_reference)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Answered(*row) for row in connection.execute(query)]
