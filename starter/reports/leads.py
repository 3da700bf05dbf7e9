"""The result of an analysis of leads: every row of the input in its order, and the assessment beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from clarion.domain.target import TargetState
from clarion.store.campaigns import Campaign
from clarion.store.lead_lines import LeadLine
from starter.looking import PAGE, Looking, View
from starter.looking_leads import LeadSums, lead_lines, lead_sums
from starter.phases import LEFT_OUT_LATER
from starter.progress import Progress
from starter.reports.parts import Cell, Sheet
from starter.times import iso

LEAD = "Lead: "
"""Before the name of a lead's field in its column's."""
OURS = "Assessment: "
"""Before the name of a column of ours, or of an answer, that the input has a column of."""
BETWEEN = "; "
"""Between the entries of a list."""

RESULT = ("lead_id", "state", "outcome", "detail")
"""Columns beside the input's, before the answers."""
FACTS = ("row", "attempts", "model", "reused", "input_tokens", "output_tokens", "cost", "written_at", "write_error")
"""Columns at the end."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the columns are called and where their values come from."""

    given: tuple[str, ...]
    """Columns of the input."""
    answers: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns: the input's as they are, ours under another name where the input has theirs."""
        own = (*RESULT, *self.answers, *(LEAD + name for name in self.fields), *FACTS)
        taken = set(self.given)
        found: list[str] = list(self.given)
        for name in own:
            free = name
            while free in taken:
                free = OURS + free
            taken.add(free)
            found.append(free)
        return tuple(found)


class _Left(View):
    """A row without an assessment."""

    row: int
    address: str | None
    state: str
    outcome: str | None
    detail: str | None
    attempts: int
    variables: str | None
    """Its cells by column, as JSON."""


class LeadReport:
    """The rows of an analysis of leads and what they sum up to, ready to be written."""

    def __init__(self, looking: Looking, campaign: Campaign, zone: tzinfo | None = None) -> None:
        self.progress: Progress = looking.progress(campaign.ref.campaign_id)
        self._looking = looking
        self._key = campaign.ref.key
        self._zone = zone
        spec = campaign.spec
        self._names = Names(
            _columns_given(looking, campaign.ref.key),
            tuple(spec.assess.fields) if spec.assess else (),
            spec.lead.fields if spec.lead else (),
        )
        self._address = spec.audience.address
        self.sums: LeadSums = lead_sums(looking, campaign)
        self.columns: tuple[str, ...] = self._names.columns

    @property
    def ours(self) -> frozenset[str]:
        """None: what stands in these columns others have written."""
        return frozenset()

    def rows(self) -> Iterator[list[Cell]]:
        """Yield the cells of every row of the input, in its order."""
        for line in lead_lines(self._looking, self._key):
            yield [_cell(value) for value in self._values(line)]

    def records(self) -> Iterator[dict[str, object]]:
        """Yield the same as JSON has it: what is known, by column, lists as lists."""
        for line in lead_lines(self._looking, self._key):
            pairs = zip(self.columns, self._values(line), strict=True)
            yield {name: value for name, value in pairs if value is not None}

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what all leads came to."""
        yield "leads", self.sums.model_dump_json()

    def lists(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield nothing: all there is stands in the rows."""
        return iter(())

    def sheets(self) -> Iterator[Sheet]:
        """Yield the sheets: all leads, bad rows, failures, and the summary."""
        yield Sheet("Leads", self.columns, self.rows(), is_result=True)
        yield Sheet("Invalid IDs", ("row", self._address, "reason", "detail"), self._left_out())
        yield Sheet("Failures", ("row", "lead_id", "state", "outcome", "detail", "attempts"), self._failed())
        yield Sheet("Summary", None, self.summary())

    def summary(self) -> Iterator[tuple[str, Cell]]:
        """Yield what a summary says, a name and a value each."""
        progress, sums = self.progress, self.sums
        yield "campaign", progress.campaign_id
        yield "name", progress.name
        yield "status", progress.status.value
        yield "reason", progress.reason
        yield "started_at", iso(progress.started_at, self._zone)
        yield "finished_at", iso(progress.finished_at, self._zone)
        if progress.started_at is not None and progress.finished_at is not None:
            yield "seconds", round(progress.finished_at - progress.started_at, 1)
        for state, n in progress.books.model_dump().items():
            yield f"books: {state}", n
        for outcome, n in progress.outcomes.items():
            yield f"outcome: {outcome}", n
        yield "success_rate", progress.success_rate
        for field, values in sums.choices.items():
            for value, n in values.items():
                yield f"{field}: {value}", n
        for field, spread in sums.numbers.items():
            yield f"{field}: average", round(spread.average, 2)
            yield f"{field}: lowest", spread.lowest
            yield f"{field}: highest", spread.highest
            for bucket, n in spread.buckets.items():
                yield f"{field}: {bucket}", n
        yield from self._money()
        yield from self._phases()
        yield from self._followers()

    def _money(self) -> Iterator[tuple[str, Cell]]:
        sums = self.sums
        yield "reused", sums.reused
        yield "input_tokens", sums.input_tokens
        yield "output_tokens", sums.output_tokens
        yield "cost", round(sums.cost, 6)
        yield "cost_per_lead", None if sums.cost_per_lead is None else round(sums.cost_per_lead, 6)
        yield "budget", self.progress.budget
        yield "written_back", sums.written
        yield "write_errors", sums.write_errors

    def _followers(self) -> Iterator[tuple[str, Cell]]:
        if self.progress.parent is not None:
            yield "follows", self.progress.parent
        for follower in self.progress.followers:
            yield "then", follower.campaign_id
            yield "then: channel", follower.channel.value
            yield "then: status", follower.status.value
            for state, n in follower.books.model_dump().items():
                yield f"then: {state}", n

    def _phases(self) -> Iterator[tuple[str, Cell]]:
        """Yield how long each phase took and how fast it was."""
        for phase in self.progress.phases:
            yield f"{phase.phase}: leads", phase.done
            yield f"{phase.phase}: seconds", phase.seconds
            yield f"{phase.phase}: leads per second", phase.per_second
            yield f"{phase.phase}: chunks", phase.chunks
            yield f"{phase.phase}: chunks made again", phase.failed_chunks
            yield f"{phase.phase}: average seconds of a chunk", phase.average_chunk_seconds
            yield f"{phase.phase}: success rate", phase.success_rate

    def _left_out(self) -> Iterator[list[Cell]]:
        """Yield the rows that are not sent to anybody because of what stands in them."""
        for row in self._standing(TargetState.SKIPPED):
            if row.outcome not in LEFT_OUT_LATER:
                cells = json.loads(row.variables) if row.variables else {}
                yield [row.row, cells.get(self._address, row.address), row.outcome, row.detail]

    def _failed(self) -> Iterator[list[Cell]]:
        """Yield the rows whose id is in order and which have no answer all the same."""
        for state in (TargetState.FAILED, TargetState.SKIPPED, TargetState.UNKNOWN, TargetState.CANCELLED):
            for row in self._standing(state):
                if state is not TargetState.SKIPPED or row.outcome in LEFT_OUT_LATER:
                    yield [row.row, row.address, row.state, row.outcome, row.detail, row.attempts]

    def _standing(self, state: TargetState) -> Iterator[_Left]:
        after = 0
        while rows := self._looking.store.targets.page(self._key, state=state, after=after, limit=PAGE):
            yield from map(_Left.model_validate, rows)
            after = rows[-1].position

    def _values(self, line: LeadLine) -> Iterator[object]:
        """Yield what stands in the columns, in their order; lists as they are."""
        yield from (line.variables.get(name) for name in self._names.given)
        yield from (line.address, line.state.value, line.outcome, line.detail)
        answer = line.answer or {}
        yield from (answer.get(name) for name in self._names.answers)
        yield from (line.fields.get(name) for name in self._names.fields)
        yield from (line.row, line.attempts, line.model, line.reused if line.answer is not None else None)
        yield from (line.input_tokens, line.output_tokens, round(line.cost, 6), self._written(line), line.write_error)

    def _written(self, line: LeadLine) -> str | None:
        return None if line.written_at is None else iso(line.written_at, self._zone)


def _columns_given(looking: Looking, key: int) -> tuple[str, ...]:
    """Return the columns of the input, in the order in which its rows name them."""
    found: dict[str, None] = {}
    for line in looking.store.targets.all(key):
        if line.variables:
            found.update(dict.fromkeys(json.loads(line.variables)))
    return tuple(found)


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return BETWEEN.join(map(str, value))
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False)
