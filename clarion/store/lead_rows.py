"""What is known of leads, as rows: read and written without detours, in step with the targets they belong to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    false,
    insert,
    literal_column,
    select,
    true,
    update,
)

from clarion.domain.assessment import AnswerValue, Assessment
from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.lead import LeadValue
from clarion.domain.target import Outcome, TargetState
from clarion.store.database import insert_into, storable
from clarion.store.lead_schema import assessments, lead_counts, leads
from clarion.store.rows import AttemptRow, TargetRow
from clarion.store.statements import Prepared, PreparedSelect

FETCH = "fetch"
"""What a lead waits for that nobody has asked the CRM for yet."""


class What(StrEnum):
    """What is counted of a campaign's leads, because the books do not say it."""

    FETCHED = "fetched"
    REUSED = "reused"
    WRITTEN = "written"
    NOT_WRITTEN = "not_written"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"


SETTLING: list[ColumnElement[str]] = [
    literal_column(f"'{outcome}'") for outcome in (Outcome.ASSESSED, Outcome.REFUSED, Outcome.FILTERED)
]
"""Outcomes of a question that would come again if it was asked again."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer that was paid for, on its way into the store."""

    attempt: AttemptId
    tenant: str
    outcome: str
    assessment: Assessment
    cost: int
    """Millionths."""
    stands: bool
    """Whether it is the lead's answer from now on."""


def _count(dialect: str) -> ClauseElement:
    new = insert_into(lead_counts, dialect)
    return new.on_conflict_do_update(
        index_elements=["campaign_key", "what"], set_={"n": lead_counts.c.n + new.excluded.n}
    )


_this_lead = (leads.c.campaign_key == bindparam("of_campaign")) & (leads.c.position == bindparam("of_position"))
_COUNT = Prepared(("campaign_key", "what", "n"), _count)
_FETCHED = ("campaign_key", "position", "fields", "key", "fetched_at", "assessment", "reused", "live")
_INSERT = Prepared(_FETCHED, lambda _: insert(leads))
_ANSWERED = (
    *("attempt", "tenant", "campaign_key", "key", "model", "outcome", "answer"),
    *("input_tokens", "output_tokens", "cost", "batch", "at"),
)
_KEEP = Prepared(_ANSWERED, lambda dialect: insert_into(assessments, dialect).on_conflict_do_nothing())
_GIVE = Prepared(
    ("new_assessment", "of_campaign", "of_position"),
    lambda _: update(leads).where(_this_lead).values(assessment=bindparam("new_assessment"), reused=false()),
)
_PUT_INTO_BATCH = Prepared(
    ("new_batch", "of_campaign", "of_position"),
    lambda _: update(leads).where(_this_lead).values(batch=bindparam("new_batch")),
)
_LEAVE_TO_LANES = Prepared(
    ("of_campaign", "of_position"), lambda _: update(leads).where(_this_lead).values(live=true())
)
_FORGET = Prepared(("of_campaign", "of_position"), lambda _: delete(leads).where(_this_lead, leads.c.fields.is_(None)))
_LATEST = PreparedSelect(
    ("tenant",),
    select(assessments.c.key, assessments.c.attempt, assessments.c.outcome)
    .where(assessments.c.tenant == bindparam("tenant"), assessments.c.outcome.in_(SETTLING))
    .order_by(assessments.c.key, assessments.c.at),
    assessments.c.key,
)
_QUESTIONS = PreparedSelect(
    ("campaign",),
    select(leads.c.position, leads.c.fields, leads.c.key, leads.c.live).where(
        leads.c.campaign_key == bindparam("campaign")
    ),
    leads.c.position,
)


@dataclass(frozen=True, slots=True)
class FetchedRow:
    """A lead as the CRM gave it, or that it gave none."""

    campaign_key: int
    position: int
    fields: str | None
    key: str | None
    fetched_at: float
    """Epoch seconds."""
    assessment: str | None = None
    """The attempt that has answered the same question before."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An attempt that has settled the same question before."""

    attempt: str
    outcome: Outcome

    @property
    def is_answer(self) -> bool:
        """Whether there is an answer to be used again; otherwise the AI declined, and would again."""
        return self.outcome is Outcome.ASSESSED


def is_unfetched(target: TargetRow | None) -> bool:
    """Whether nobody has asked the CRM for a target yet."""
    return target is not None and target.state == TargetState.PENDING and target.due_at >= NEVER


def insert_leads(connection: Connection, rows: Iterable[FetchedRow]) -> None:
    """Write what was fetched."""
    values = (
        (*(row.campaign_key, row.position, row.fields, row.key, row.fetched_at), row.assessment, bool(row.assessment))
        for row in rows
    )
    _INSERT.run(connection, [(*value, False) for value in values])


def write_answers(connection: Connection, rows: Iterable[AnswerRow], now: float) -> None:
    """Write answers, and give those that stand to their leads; one that was written before is left as it is."""
    told = list(rows)
    tokens: dict[int, Counter[What]] = {}
    for row in told:
        of_campaign = tokens.setdefault(row.attempt.campaign_key, Counter())
        of_campaign[What.INPUT_TOKENS] += row.assessment.input_tokens
        of_campaign[What.OUTPUT_TOKENS] += row.assessment.output_tokens
    _KEEP.run(connection, [_whole(row, now) for row in told])
    given = [(str(row.attempt), row.attempt.campaign_key, row.attempt.position) for row in told if row.stands]
    _GIVE.run(connection, given)
    for campaign_key, counts in sorted(tokens.items()):
        add_counts(connection, campaign_key, counts)


def add_counts(connection: Connection, campaign_key: int, counts: Mapping[What, int]) -> None:
    """Add to what is counted of a campaign's leads."""
    _COUNT.run(connection, [(campaign_key, what.value, n) for what, n in sorted(counts.items()) if n])


def read_counts(connection: Connection, campaign_key: int) -> dict[What, int]:
    """Return all that is counted of a campaign's leads."""
    query = select(lead_counts.c.what, lead_counts.c.n).where(lead_counts.c.campaign_key == campaign_key)
    return dict.fromkeys(What, 0) | {What(what): int(n) for what, n in connection.execute(query)}


def put_into_batch(connection: Connection, campaign_key: int, number: int, positions: Collection[int]) -> None:
    """Note which batch some leads are part of."""
    _PUT_INTO_BATCH.run(connection, [(number, campaign_key, position) for position in positions])


def leave_to_lanes(connection: Connection, campaign_key: int, positions: Collection[int]) -> None:
    """Note that some leads are to be asked about at once, and in no batch any more."""
    _LEAVE_TO_LANES.run(connection, [(campaign_key, position) for position in positions])


def forget_lead(connection: Connection, campaign_key: int, position: int) -> None:
    """Forget that the CRM did not have a lead."""
    _FORGET.run(connection, [(campaign_key, position)])


def latest_answers(connection: Connection, tenant: str, keys: Collection[str]) -> dict[str, Earlier]:
    """Find what settled some questions before, by question: the last answer, or without any the last refusal."""
    found: dict[str, Earlier] = {}
    for row in sorted(_LATEST.fetch(connection, (tenant,), keys), key=lambda row: row.outcome == Outcome.ASSESSED):
        found[row.key] = Earlier(row.attempt, Outcome(row.outcome))
    return found


def read_questions(
    connection: Connection, campaign_key: int, positions: Collection[int]
) -> list[Row[tuple[int, str, str, bool]]]:
    """Read position, fields, question and whether it is to be asked at once, of those leads that are there."""
    return _QUESTIONS.fetch(connection, (campaign_key,), positions)


def answer_of(attempt: AttemptRow, target: TargetRow, tenant: str, assessment: Assessment) -> AnswerRow:
    """Return the row of what an AI made of an attempt that has just been decided."""
    stands = attempt.outcome == Outcome.ASSESSED and target.state == TargetState.SUCCEEDED
    return AnswerRow(attempt.id, tenant, attempt.outcome or "", assessment, attempt.cost, stands)


def read_answer(answer: str | None) -> dict[str, AnswerValue]:
    """Read an answer as it is stored."""
    found: dict[str, AnswerValue] = json.loads(answer) if answer else {}
    return found


def read_fields(fields: str | None) -> dict[str, LeadValue]:
    """Read a lead's fields as they are stored."""
    found: dict[str, LeadValue] = json.loads(fields) if fields else {}
    return found


def _whole(row: AnswerRow, now: float) -> tuple[object, ...]:
    told = row.assessment
    usable = row.outcome == Outcome.ASSESSED and told.answer is not None
    answer = storable(encode(dict(told.answer))) if usable and told.answer is not None else None
    return (
        *(str(row.attempt), row.tenant, row.attempt.campaign_key, told.key, told.model[:100], row.outcome, answer),
        *(told.input_tokens, told.output_tokens, row.cost, told.batch, now),
    )
