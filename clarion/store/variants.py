"""What came of each variant of campaigns: counts, money and answers, added up by the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from clarion.domain.target import Outcome, TargetState
from clarion.providers.ports import InboundKind
from clarion.store.database import Database
from clarion.store.schema import attempts, charged, conversations, targets


class VariantKey(NamedTuple):
    """Names a variant of a campaign."""

    campaign_key: int
    variant: str


@dataclass(slots=True)
class VariantSums:
    """What came of one variant so far."""

    states: dict[TargetState, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    """Of the targets' last attempts; of skipped targets the reasons."""
    attempts: int = 0
    cost: int = 0
    """Of all attempts, in millionths."""
    replies: int = 0
    """People who wrote back, other than to stop, start or ask for help."""
    stops: int = 0
    """People who wrote back that they want no more."""


class Variants:
    """Queries about variants. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def sums(self, campaign_keys: Collection[int]) -> Mapping[VariantKey, VariantSums]:
        """Add up what came of the variants of some campaigns, all as of one moment.

        Reads an index of their targets, and their attempts.
        """
        found: dict[VariantKey, VariantSums] = {}
        if not campaign_keys:
            return found
        with self._database.read() as connection:
            _add_counts(connection, campaign_keys, found)
            _add_costs(connection, campaign_keys, found)
            _add_answers(connection, campaign_keys, found)
        return found


def _of(campaign_keys: Collection[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return targets.c.campaign_key.in_(campaign_keys), targets.c.variant.is_not(None)


_WHICH = targets.c.campaign_key, targets.c.variant


def _add_counts(connection: Connection, keys: Collection[int], found: dict[VariantKey, VariantSums]) -> None:
    by = (*_WHICH, targets.c.state, targets.c.outcome)
    query = select(*by, func.count()).where(*_of(keys)).group_by(*by)
    for key, variant, state, outcome, n in connection.execute(query):
        sums = found.setdefault(VariantKey(key, variant), VariantSums())
        sums.states[TargetState(state)] = sums.states.get(TargetState(state), 0) + n
        if outcome is not None:
            sums.outcomes[outcome] = sums.outcomes.get(outcome, 0) + n


def _add_costs(connection: Connection, keys: Collection[int], found: dict[VariantKey, VariantSums]) -> None:
    at_target = (attempts.c.campaign_key == targets.c.campaign_key) & (attempts.c.position == targets.c.position)
    query = (
        select(*_WHICH, func.count(), func.sum(charged))
        .join_from(targets, attempts, at_target)
        .where(*_of(keys), attempts.c.outcome.is_distinct_from(Outcome.NOT_SENT))
        .group_by(*_WHICH)
    )
    for key, variant, n, cost in connection.execute(query):
        sums = found.setdefault(VariantKey(key, variant), VariantSums())
        sums.attempts, sums.cost = n, int(cost or 0)


def _add_answers(connection: Connection, keys: Collection[int], found: dict[VariantKey, VariantSums]) -> None:
    said = conversations.c
    of_target = (said.campaign_key == targets.c.campaign_key) & (said.position == targets.c.position)
    query = (
        select(*_WHICH, said.kind, func.count(said.position.distinct()))
        .join_from(conversations, targets, of_target)
        .where(said.campaign_key.in_(keys), said.kind.in_([InboundKind.TEXT, InboundKind.STOP]))
        .where(targets.c.variant.is_not(None))
        .group_by(*_WHICH, said.kind)
    )
    for key, variant, kind, n in connection.execute(query):
        sums = found.setdefault(VariantKey(key, variant), VariantSums())
        if kind == InboundKind.STOP:
            sums.stops = n
        else:
            sums.replies = n
