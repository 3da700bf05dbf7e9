"""Why targets of a campaign were not reached: how many for each reason, and the first of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from clarion.domain.target import TargetState
from clarion.store.database import Database
from clarion.store.pieces import Piece, Remembered, pieces_of
from clarion.store.schema import attempts, targets

EXAMPLES = 5
"""Targets named for each reason."""
AT_ONCE = 1_000
"""Positions of one query."""

FAILING = (TargetState.FAILED, TargetState.UNKNOWN, TargetState.SKIPPED)


class Reason(NamedTuple):
    """What those who were not reached have in common."""

    state: TargetState
    outcome: str
    """Of their last attempt; of skipped targets the reason."""
    provider_code: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """One of them."""

    position: int
    row: int
    detail: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason, how many have it, and the first of them in the order of the audience."""

    reason: Reason
    count: int
    examples: Sequence[Example]


class Faults:
    """Queries. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._known = Remembered(database, _faults)

    def of(self, campaign_key: int) -> Sequence[Fault]:
        """Add up who was not reached, the most frequent reason first. Reads all of them, piece by piece."""
        return self._known.of(campaign_key)


def _faults(connection: Connection, campaign_key: int) -> Sequence[Fault]:
    counts: Counter[Reason] = Counter()
    first: dict[Reason, list[int]] = {}
    for piece in pieces_of(connection, campaign_key):
        query = _targets(campaign_key, piece, *_BY, func.count()).group_by(*_BY)
        found = {_reason(*by): n for *by, n in connection.execute(query)}
        wanting = {reason for reason in found if len(first.get(reason, ())) < EXAMPLES}
        if wanting:
            _name(connection, _targets(campaign_key, piece, *_BY, targets.c.position), wanting, first)
        counts.update(found)
    named = _examples(connection, campaign_key, [position for some in first.values() for position in some])
    return [Fault(reason, n, [named[position] for position in first[reason]]) for reason, n in counts.most_common()]


_BY = (targets.c.state, targets.c.outcome, attempts.c.provider_code)


def _reason(state: str, outcome: str | None, provider_code: str | None) -> Reason:
    return Reason(TargetState(state), outcome or "", provider_code)


def _targets(campaign_key: int, piece: Piece, *columns: ColumnElement[Any]) -> Select[Any]:
    """Select from those of a piece that were not reached, each with its last attempt."""
    t, a = targets.c, attempts.c
    last = and_(a.campaign_key == t.campaign_key, a.position == t.position, a.number == t.attempts)
    # Others that wait have had nothing go wrong.
    again = and_(t.state == TargetState.WAITING, t.reason == "retry", t.outcome.is_not(None))
    return (
        select(*columns)
        .select_from(targets.outerjoin(attempts, last))
        .where(t.campaign_key == campaign_key, piece.holds(t.position), or_(t.state.in_(FAILING), again))
    )


def _name(
    connection: Connection, query: Select[Any], wanting: Collection[Reason], first: dict[Reason, list[int]]
) -> None:
    """Note the first positions of reasons of which too few are known."""
    for *by, position in connection.execute(query.order_by(targets.c.position)):
        reason = _reason(*by)
        if reason in wanting:
            some = first.setdefault(reason, [])
            if len(some) < EXAMPLES:
                some.append(position)


def _examples(connection: Connection, campaign_key: int, positions: Sequence[int]) -> dict[int, Example]:
    t, found = targets.c, {}
    for n in range(0, len(positions), AT_ONCE):
        among = t.position.in_(positions[n : n + AT_ONCE])
        for row in connection.execute(select(t.position, t.row, t.detail).where(t.campaign_key == campaign_key, among)):
            found[row.position] = Example(*row)
    return found
