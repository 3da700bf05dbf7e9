"""Leads: what is to be fetched, what was, what it is asked for, and what is written back of the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from clarion.domain.assessment import AnswerValue
from clarion.domain.attempt import NEVER
from clarion.domain.target import Outcome, SkipReason, TargetState
from clarion.store.database import Database, storable
from clarion.store.lead_lines import LeadLine, read_lines
from clarion.store.lead_rows import (
    Earlier,
    FetchedRow,
    What,
    add_counts,
    insert_leads,
    is_unfetched,
    latest_answers,
    leave_to_lanes,
    read_answer,
    read_counts,
    read_questions,
)
from clarion.store.lead_schema import assessments, leads
from clarion.store.lead_schema import unwritten as is_unwritten
from clarion.store.lead_totals import LeadTotals, sum_up
from clarion.store.phases import Phase, PhaseLine, add_phase, read_phases
from clarion.store.posting import Posting
from clarion.store.rows import TargetKey, TargetRow
from clarion.store.schema import targets
from clarion.store.specs import parsed_spec
from clarion.store.statements import Prepared

NO_LEAD = "the CRM knows no lead with this id, or does not show it to us"
IN_THE_BIN = "the lead lies in the recycle bin of the CRM"
_SETTLED = {True: TargetState.SUCCEEDED, False: TargetState.FAILED}
"""Where a lead stands whose question was settled before, by whether there is an answer."""
IS_CUSTOMER = "the lead has been converted"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lead that the CRM is to be asked for."""

    position: int
    lead_id: str
    """18 characters."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the CRM said about a lead."""

    position: int
    fields_json: str | None
    """None: it has no such lead for us."""
    question_key: str | None
    """Names the question that its fields make; None where there are none."""
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of leads that were fetched; those that somebody else had fetched before are not counted."""

    fetched: int = 0
    """All that the CRM has, the next and the last among them."""
    reused: int = 0
    """Answered or refused before, and so done."""
    not_found: int = 0
    converted: int = 0
    """Skipped because they have been converted."""


@dataclass(frozen=True, slots=True)
class LeadQuestion:
    """What is asked about a lead."""

    fields_json: str
    question_key: str
    live: bool
    """Whether a batch has left it to be asked at once."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A lead whose answers are to be written back."""

    position: int
    lead_id: str
    answer: Mapping[str, AnswerValue]


_NOTE_WRITTEN = Prepared(
    ("new_written_at", "new_write_error", "of_campaign", "of_position"),
    lambda _: (
        update(leads)
        .where(
            leads.c.campaign_key == bindparam("of_campaign"),
            leads.c.position == bindparam("of_position"),
            is_unwritten,
        )
        .values(written_at=bindparam("new_written_at"), write_error=bindparam("new_write_error"))
    ),
)


@dataclass(frozen=True, slots=True)
class LeadUsage:
    """What an analysis has come to so far, beside its books."""

    input_tokens: int
    output_tokens: int
    reused: int
    """Leads that were not asked about, because the same question had been answered or declined before."""
    write_errors: int
    """Leads whose answers the CRM did not take."""


class Leads:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def unfetched(self, key: int, limit: int) -> list[Wanted]:
        """The next leads that the CRM has not been asked for, in order of position."""
        return self._standing(key, (TargetState.PENDING, None), 0, limit)

    def missing(self, key: int, after: int, limit: int) -> list[Wanted]:
        """The next leads after a position of which the CRM knows nothing."""
        return self._standing(key, (TargetState.FAILED, Outcome.NOT_FOUND), after, limit)

    def keep(self, key: int, found: Sequence[Fetched], now: float, *, fresh: bool) -> Kept:
        """Take in what the CRM said about leads that nobody has fetched before; about others nothing happens.

        Without ``fresh``, a lead takes what the same question has come to before, an answer or a refusal. A
        converted one is skipped unless its campaign wants those, too.
        """
        counts: Counter[str] = Counter()
        rows: list[FetchedRow] = []
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.load([TargetKey(key, lead.position) for lead in found])
            new = {
                lead.position: lead
                for lead in found
                if is_unfetched(posting.targets.get(TargetKey(key, lead.position)))
            }
            known = {} if fresh else _known(posting, key, new.values())
            for position, lead in new.items():
                target = posting.targets[TargetKey(key, position)]
                answered = known.get(lead.question_key or "")
                counts[_settle(posting, target, lead, answered)] += 1
                fields = storable(lead.fields_json)
                reused = answered if answered and target.state == TargetState.SUCCEEDED else None
                attempt = reused.attempt if reused else None
                rows.append(FetchedRow(key, position, fields, lead.question_key, now, attempt))
            insert_leads(connection, rows)
            there = counts.total() - counts["not_found"]
            add_counts(connection, key, {What.FETCHED: there, What.REUSED: counts["reused"]})
            posting.flush()
        return Kept(there, counts["reused"], counts["not_found"], counts["converted"])

    def note_deleted(self, key: int, positions: Collection[int], now: float) -> int:
        """Skip leads of which the CRM knew nothing because they lie in its recycle bin; return how many there were."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.load([TargetKey(key, position) for position in positions])
            gone = [target for target in posting.targets.values() if target.outcome == Outcome.NOT_FOUND]
            for target in gone:
                target.detail = IN_THE_BIN
                posting.move(target, TargetState.SKIPPED, SkipReason.DELETED, NEVER)
                posting.event(*target.key, "skipped", IN_THE_BIN)
            posting.flush()
            return len(gone)

    def questions(self, key: int, positions: Collection[int]) -> dict[int, LeadQuestion]:
        """What is asked about some leads, by position; those that the CRM does not have are left out."""
        with self._database.read() as connection:
            rows = read_questions(connection, key, positions)
        return {row[0]: LeadQuestion(*row[1:]) for row in rows if row[1] is not None}

    def set_live(self, key: int, positions: Collection[int]) -> None:
        """Note that some leads are to be asked about at once, and in no batch any more."""
        with self._database.write() as connection:
            Posting(connection, 0.0).lock([key])
            leave_to_lanes(connection, key, positions)

    def unwritten(self, key: int, limit: int) -> list[Unwritten]:
        """The next leads whose answers are to be written back, in order of position."""
        of_target = (targets.c.campaign_key == leads.c.campaign_key) & (targets.c.position == leads.c.position)
        query = (
            select(leads.c.position, targets.c.address, assessments.c.answer)
            .join(targets, of_target)
            .join(assessments, assessments.c.attempt == leads.c.assessment)
            .where(leads.c.campaign_key == key, is_unwritten)
            .order_by(leads.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Unwritten(row[0], row[1], read_answer(row[2])) for row in connection.execute(query)]

    def note_written(self, key: int, results: Sequence[tuple[int, str | None]], now: float) -> None:
        """Note which answers were written back, and why the others, by position, could not be; again does no harm."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            wanted = {position for position, _ in results}
            left = _unwritten_among(connection, key, wanted)
            fresh = [(position, storable(error)) for position, error in dict(results).items() if position in left]
            _NOTE_WRITTEN.run(
                connection,
                [(None if error is not None else now, error, key, position) for position, error in fresh],
            )
            for position, error in fresh:
                if error is not None:
                    posting.event(key, position, "not_written", error)
            written = sum(error is None for _, error in fresh)
            add_counts(connection, key, {What.WRITTEN: written, What.NOT_WRITTEN: len(fresh) - written})
            posting.flush()

    def add_phase(
        self, key: int, phase: Phase, *, leads: int, seconds: float, failed: bool, started_at: float, ended_at: float
    ) -> None:
        """Add a piece of work on some ``leads`` to what its phase came to; ``failed``: it has to be made again."""
        line = PhaseLine(phase, int(not failed), int(failed), leads, seconds, started_at, ended_at)
        with self._database.write() as connection:
            add_phase(connection, key, line)

    def phases(self, key: int) -> list[PhaseLine]:
        """What each phase has come to, in order."""
        with self._database.read() as connection:
            return read_phases(connection, key)

    def lines(self, key: int, after: int = 0, limit: int = 1_000) -> list[LeadLine]:
        """What became of the next rows after a position, with all that is known of their leads."""
        with self._database.read() as connection:
            return read_lines(connection, key, after, limit)

    def totals(self, key: int) -> LeadTotals:
        """Sum up all answers of a campaign. Reads each of them: takes time on a large campaign. Raises NotFound."""
        with self._database.read() as connection:
            return sum_up(connection, key)

    def usage(self, key: int) -> LeadUsage:
        """What an analysis has come to so far; cheap at any size."""
        with self._database.read() as connection:
            n = read_counts(connection, key)
        return LeadUsage(n[What.INPUT_TOKENS], n[What.OUTPUT_TOKENS], n[What.REUSED], n[What.NOT_WRITTEN])

    def _standing(self, key: int, where: tuple[TargetState, Outcome | None], after: int, limit: int) -> list[Wanted]:
        state, outcome = where
        query = (
            select(targets.c.position, targets.c.address)
            .where(
                *(targets.c.campaign_key == key, targets.c.chunk.is_(None), targets.c.state == state),
                *(targets.c.due_at == NEVER, targets.c.position > after),
            )
            .order_by(targets.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            found = connection.execute(query if outcome is None else query.where(targets.c.outcome == outcome))
            return [Wanted(*row) for row in found]


def _known(posting: Posting, key: int, new: Collection[Fetched]) -> dict[str, Earlier]:
    if not new:
        return {}
    keys = {lead.question_key for lead in new if lead.question_key is not None}
    return latest_answers(posting.connection, posting.campaigns[key].tenant, sorted(keys))


def _settle(posting: Posting, target: TargetRow, lead: Fetched, answered: Earlier | None) -> str:
    """Put a lead where it stands once it was fetched, and return in a word where that is."""
    spec = parsed_spec(posting.campaigns[target.campaign_key].spec).lead
    if lead.fields_json is None or lead.question_key is None:
        target.detail = NO_LEAD
        posting.move(target, TargetState.FAILED, Outcome.NOT_FOUND, NEVER)
        posting.event(*target.key, Outcome.NOT_FOUND, NO_LEAD)
        return "not_found"
    if lead.converted and not (spec is not None and spec.converted):
        target.detail = IS_CUSTOMER
        posting.move(target, TargetState.SKIPPED, SkipReason.CONVERTED, NEVER)
        posting.event(*target.key, "skipped", IS_CUSTOMER)
        return "converted"
    if answered is not None:
        told = "answered" if answered.is_answer else answered.outcome.value
        why = f"the same question was {told} before (attempt {answered.attempt})"
        target.detail = None if answered.is_answer else why
        posting.move(target, _SETTLED[answered.is_answer], answered.outcome, NEVER)
        posting.event(*target.key, answered.outcome, why)
        return "reused"
    posting.move(target, TargetState.PENDING, None, posting.now)
    return "fetched"


def _unwritten_among(connection: Connection, key: int, positions: Collection[int]) -> set[int]:
    query = select(leads.c.position).where(leads.c.campaign_key == key, is_unwritten, leads.c.position.in_(positions))
    return set(connection.execute(query).scalars())
