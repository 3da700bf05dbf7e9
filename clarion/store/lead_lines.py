"""What became of each lead, line by line: for reports, which read a campaign page by page in flat memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from clarion.domain.assessment import AnswerValue
from clarion.domain.attempt import AttemptId
from clarion.domain.lead import LeadValue
from clarion.domain.target import TargetState
from clarion.store.call_rows import MILLION
from clarion.store.lead_rows import read_answer, read_fields
from clarion.store.lead_schema import assessments, leads
from clarion.store.schema import attempts, charged, targets
from clarion.store.statements import PreparedSelect


@dataclass(frozen=True, slots=True)
class LeadLine:
    """One row of the audience, and what became of it."""

    position: int
    row: int
    """As a spreadsheet shows it."""
    address: str | None
    """The lead's id, of 18 characters; None for a row that gives none."""
    state: TargetState
    outcome: str | None
    """Of a skipped row the reason."""
    detail: str | None
    variables: Mapping[str, str]
    """The row's cells, by column."""
    fields: Mapping[str, LeadValue]
    """As the CRM had them; empty where it was not asked, or has no such lead."""
    answer: Mapping[str, AnswerValue] | None
    reused: bool
    """Whether the answer is one that the same question had before."""
    model: str | None
    """Whose answer it is."""
    batch: bool
    """Whether it came at the lower price of a batch."""
    input_tokens: int
    """Of all attempts of this campaign; a reused answer takes none."""
    output_tokens: int
    cost: float
    """In the account's currency, of all attempts of this campaign."""
    attempts: int
    fetched_at: float | None
    """Epoch seconds, like the next two."""
    assessed_at: float | None
    written_at: float | None
    write_error: str | None


_ANSWERS = PreparedSelect(
    (),
    select(
        *(
            assessments.c[name]
            for name in ("attempt", "model", "answer", "input_tokens", "output_tokens", "batch", "at")
        )
    ),
    assessments.c.attempt,
)


def read_lines(connection: Connection, key: int, after: int, limit: int) -> list[LeadLine]:
    """Return the next ``limit`` rows after a position, in order."""
    of_target = (leads.c.campaign_key == targets.c.campaign_key) & (leads.c.position == targets.c.position)
    t, known = targets.c, leads.c
    query = (
        select(
            *(t.position, t.row, t.address, t.state, t.outcome, t.detail, t.variables, t.attempts),
            *(known.fields, known.assessment, known.reused, known.fetched_at, known.written_at, known.write_error),
        )
        .outerjoin(leads, of_target)
        .where(t.campaign_key == key, t.position > after)
        .order_by(t.position)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    costs = _costs(connection, key, rows)
    wanted = {name for row in rows for name in (*_own(key, row), row.assessment) if name is not None}
    answers = {found.attempt: found for found in _ANSWERS.fetch(connection, (), sorted(wanted))}
    return [_line(key, row, answers, costs[row.position]) for row in rows]


def _own(key: int, row: Row[Any]) -> list[str]:
    """Name the attempts of this campaign at a lead."""
    return [str(AttemptId(key, row.position, number)) for number in range(1, row.attempts + 1)]


def _costs(connection: Connection, key: int, rows: Sequence[Row[Any]]) -> Counter[int]:
    if not rows:
        return Counter()
    between = attempts.c.position.between(rows[0].position, rows[-1].position)
    query = select(attempts.c.position, func.sum(charged)).where(attempts.c.campaign_key == key, between)
    found = connection.execute(query.group_by(attempts.c.position))
    return Counter({position: int(cost) for position, cost in found})


def _line(key: int, row: Row[Any], answers: Mapping[str, Row[Any]], cost: int) -> LeadLine:
    own = [answers[name] for name in _own(key, row) if name in answers]
    given = answers.get(row.assessment or "")
    return LeadLine(
        position=row.position,
        row=row.row,
        address=row.address,
        state=TargetState(row.state),
        outcome=row.outcome,
        detail=row.detail,
        variables=json.loads(row.variables or "{}"),
        fields=read_fields(row.fields),
        answer=None if given is None else read_answer(given.answer),
        reused=bool(row.reused),
        model=None if given is None else given.model,
        batch=given is not None and bool(given.batch),
        input_tokens=sum(found.input_tokens for found in own),
        output_tokens=sum(found.output_tokens for found in own),
        cost=cost / MILLION,
        attempts=row.attempts,
        fetched_at=row.fetched_at,
        assessed_at=None if given is None else given.at,
        written_at=row.written_at,
        write_error=row.write_error,
    )
