"""Batches: files of questions that are answered within a day; each step is written down before the next is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from clarion.domain.attempt import AttemptId
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome, TargetState
from clarion.store.call_rows import clipped
from clarion.store.database import Database, storable
from clarion.store.lead_rows import leave_to_lanes, put_into_batch
from clarion.store.lead_schema import batches, leads
from clarion.store.ledger import budget_spent, may_return_money
from clarion.store.posting import Posting
from clarion.store.rows import CampaignRow, TargetKey
from clarion.store.schema import targets
from clarion.store.sweeps import BULK

PAGE = 500
"""Questions read at once."""


class BatchState(StrEnum):
    """How far a batch has come."""

    FILLED = "filled"
    """Its leads are chosen. Whether its provider knows of it is not known."""
    SUBMITTED = "submitted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch. Times are in epoch seconds."""

    number: int
    state: BatchState
    leads: int
    file: str | None
    """The provider's id of its file of questions."""
    provider_reference: str | None
    provider_status: str | None
    filled_at: float
    submitted_at: float | None
    ended_at: float | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class BatchQuestion:
    """One lead of a batch."""

    attempt: AttemptId
    fields_json: str
    question_key: str
    tries: int
    """Attempts that count, this one among them."""


_COLUMNS = tuple(
    batches.c[name]
    for name in (
        *("number", "state", "leads", "file", "provider_reference", "provider_status"),
        *("filled_at", "submitted_at", "ended_at", "detail"),
    )
)
_of_target = (leads.c.campaign_key == targets.c.campaign_key) & (leads.c.position == targets.c.position)
_submitted = (targets.c.state == TargetState.ACTIVE) & (targets.c.outcome == Outcome.SUBMITTED)


class Batches:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def open(self, key: int) -> list[BatchRow]:
        """The batches that have not ended, in order."""
        return self._read(key, batches.c.state != BatchState.ENDED)

    def all(self, key: int) -> list[BatchRow]:
        """Every batch there has been, in order."""
        return self._read(key)

    def fill(self, key: int, limit: int, cost_of: int, now: float) -> BatchRow | None:
        """Make the next batch of up to ``limit`` leads that are due; None when there is none to be made now.

        Leads that a batch has left are left to the lanes. ``cost_of`` is what one lead costs at most, in millionths;
        of a budget that is not enough for all, the batch gets as many as it is enough for, and a budget that is spent
        halts the campaign unless some of it may come back.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            campaign = posting.campaigns[key]
            if not campaign.open:
                return None
            chosen = _due(connection, key, min(limit, _affordable(campaign, cost_of, limit)), now)
            if not chosen:
                if _is_spent(posting, campaign, cost_of) and _due(connection, key, 1, now):
                    posting.halt(key, budget_spent(campaign))
                    posting.flush()
                return None
            number = self._next_number(connection, key)
            posting.load([TargetKey(key, position) for position in chosen])
            for position in chosen:
                posting.submit(posting.targets[TargetKey(key, position)], cost_of)
            put_into_batch(connection, key, number, chosen)
            facts = {"campaign_key": key, "number": number, "state": BatchState.FILLED, "leads": len(chosen)}
            row = connection.execute(insert(batches).values(facts | {"filled_at": now}).returning(*_COLUMNS)).one()
            posting.event(key, None, "batch", f"batch {number}: {len(chosen):,} leads")
            posting.flush()
        return _batch(row)

    def questions(self, key: int, number: int) -> Iterator[BatchQuestion]:
        """What is asked about the leads that are still part of a batch, in order of position and in flat memory."""
        after = 0
        while page := self._page(key, number, after):
            yield from page
            after = page[-1].attempt.position

    def left(self, key: int, number: int, limit: int | None = None) -> list[int]:
        """Positions of the leads of a batch whose answers have not come, in order."""
        with self._database.read() as connection:
            return _left(connection, key, number, limit)

    def note_file(self, key: int, number: int, file: str | None) -> None:
        """Note the provider's id of a batch's file; None: it has none any more, another one is to be sent."""
        self._change(key, number, {"file": clipped(file, 100)})

    def note_submitted(self, key: int, number: int, reference: str, status: str, now: float) -> None:
        """Note that the provider has taken a batch on, under a reference of its own."""
        facts = {"provider_reference": clipped(reference, 100), "provider_status": clipped(status, 32)}
        self._change(key, number, facts | {"state": BatchState.SUBMITTED, "submitted_at": now})

    def note_status(self, key: int, number: int, status: str) -> None:
        """Note the provider's word for how far a batch has come."""
        self._change(key, number, {"provider_status": clipped(status, 32)})

    def end(self, key: int, number: int, now: float, detail: str) -> int:
        """Close a batch. Leads without an answer are due now, for the lanes; return how many these are.

        Again, after a crash in between, it does the rest.
        """
        given_back = 0
        while n := self._give_back(key, number, now, detail):
            given_back += n
        told = {"state": BatchState.ENDED, "ended_at": now, "detail": storable(detail)}
        this = (batches.c.campaign_key == key) & (batches.c.number == number) & (batches.c.state != BatchState.ENDED)
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            if connection.execute(update(batches).where(this).values(told)).rowcount:
                posting.event(key, None, "batch", f"batch {number} has ended: {detail}")
            posting.flush()
        return given_back

    def _give_back(self, key: int, number: int, now: float, why: str) -> int:
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            left = _left(connection, key, number, BULK)
            keys = [TargetKey(key, position) for position in left]
            posting.load(keys, attempts_of=keys)
            for target in keys:
                attempt = posting.attempts[AttemptId(*target, posting.targets[target].attempts)]
                posting.withdraw(attempt, now, "live", why)
            leave_to_lanes(connection, key, left)
            posting.flush()
            return len(left)

    def _page(self, key: int, number: int, after: int) -> list[BatchQuestion]:
        query = (
            select(leads.c.position, targets.c.attempts, leads.c.fields, leads.c.key, targets.c.tries)
            .join(targets, _of_target)
            .where(leads.c.campaign_key == key, leads.c.batch == number, leads.c.position > after, _submitted)
            .order_by(leads.c.position)
            .limit(PAGE)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [BatchQuestion(AttemptId(key, row[0], row[1]), *row[2:]) for row in rows]

    def _read(self, key: int, *which: ColumnElement[bool]) -> list[BatchRow]:
        query = select(*_COLUMNS).where(batches.c.campaign_key == key, *which).order_by(batches.c.number)
        with self._database.read() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def _next_number(self, connection: Connection, key: int) -> int:
        last = select(func.max(batches.c.number)).where(batches.c.campaign_key == key)
        return int(connection.execute(last).scalar() or 0) + 1

    def _change(self, key: int, number: int, facts: dict[str, object]) -> None:
        this = (batches.c.campaign_key == key) & (batches.c.number == number) & (batches.c.state != BatchState.ENDED)
        with self._database.write() as connection:
            if not connection.execute(update(batches).where(this).values(facts)).rowcount:
                message = f"campaign number {key} has no batch {number} that has not ended"
                raise NotFound(message)


def _due(connection: Connection, key: int, limit: int, now: float) -> list[int]:
    """Return the next leads that a batch may take: retries, then new ones."""
    found: list[int] = []
    for state in (TargetState.WAITING, TargetState.PENDING):
        query = (
            select(targets.c.position)
            .join(leads, _of_target)
            .where(
                *(targets.c.campaign_key == key, targets.c.chunk.is_(None), targets.c.state == state),
                *(targets.c.due_at <= now, leads.c.live.is_(False)),
            )
            .order_by(targets.c.due_at, targets.c.position)
            .limit(limit - len(found))
        )
        if len(found) < limit:
            found += connection.execute(query).scalars()
    return found


def _left(connection: Connection, key: int, number: int, limit: int | None) -> list[int]:
    query = select(leads.c.position).join(targets, _of_target)
    query = query.where(leads.c.campaign_key == key, leads.c.batch == number, _submitted)
    return list(connection.execute(query.order_by(leads.c.position).limit(limit)).scalars())


def _affordable(campaign: CampaignRow, cost: int, most: int) -> int:
    if campaign.budget is None or cost <= 0:
        return most
    return max(0, campaign.budget - campaign.spent) // cost


def _is_spent(posting: Posting, campaign: CampaignRow, cost: int) -> bool:
    """Whether the money is not enough for one more lead, and nothing that is under way can give any back."""
    if _affordable(campaign, cost, 1):
        return False
    return not may_return_money(posting, campaign.key)


def _batch(row: Any) -> BatchRow:  # noqa: ANN401 - a row of the columns above
    number, state, *facts = row
    return BatchRow(number, BatchState(state), *facts)
