"""What the answers of a campaign add up to: by choice, by yes and no, and how numbers are spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor

from sqlalchemy import Connection, func, select

from clarion.domain.answer import AnswerField, Kind
from clarion.domain.assessment import AnswerValue
from clarion.domain.errors import NotFound
from clarion.store.call_rows import MILLION
from clarion.store.lead_rows import What, read_answer, read_counts
from clarion.store.lead_schema import assessments, leads
from clarion.store.schema import attempts, campaigns, charged
from clarion.store.specs import parsed_spec

AT_ONCE = 2_000
"""Rows held in memory while a campaign is summed up."""

MOST_BINS = 100
"""Parts of a spread that are told apart; numbers beyond them are in none."""

USUAL_WIDTH = 10.0
"""Of the parts in which a number is spread."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Part of a spread: `n` numbers from `low` up to, but without, `high`; the last one includes its end."""

    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """What the numbers of one part of the answers come to."""

    n: int
    least: float
    average: float
    most: float
    spread: tuple[Bin, ...]
    """In order; parts without numbers between others are there, too."""


@dataclass(frozen=True, slots=True)
class LeadTotals:
    """What an analysis has come to. Money is in the account's currency."""

    assessed: int
    """Leads that have an answer, reused ones among them."""
    reused: int
    input_tokens: int
    """Of all questions asked in this campaign, whatever came of them."""
    output_tokens: int
    cost: float
    """Of all questions that have been answered."""
    batched: int
    """Questions answered at the lower price of a batch."""
    choices: Mapping[str, Mapping[str, int]]
    """By part of the answer, how often each choice was made, in the campaign's order; yes and no likewise."""
    numbers: Mapping[str, NumberSummary]
    """By part of the answer."""


@dataclass(slots=True)
class _Numbers:
    """Numbers that are being summed up."""

    spec: AnswerField
    n: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        self.least = value if not self.n else min(self.least, value)
        self.most = value if not self.n else max(self.most, value)
        self.n, self.total = self.n + 1, self.total + value
        place = floor((value - self._begin) / self._width)
        if self.spec.to is not None and value >= self.spec.to:
            place = max(0, round((self.spec.to - self._begin) / self._width) - 1)
        if place in self.bins or len(self.bins) < MOST_BINS:
            self.bins[place] += 1

    @property
    def _begin(self) -> float:
        return self.spec.from_ or 0.0

    @property
    def _width(self) -> float:
        """Tens, unless the field is known to have a narrower range or a wider one."""
        if self.spec.to is None or self.spec.from_ is None:
            return USUAL_WIDTH
        span = self.spec.to - self.spec.from_
        if 0 < span <= USUAL_WIDTH:
            return 1.0
        return USUAL_WIDTH if span <= 10 * USUAL_WIDTH else span / 10

    def summary(self) -> NumberSummary:
        places = range(min(self.bins), max(self.bins) + 1)
        among = places if len(places) <= MOST_BINS else sorted(self.bins)
        spread = [
            Bin(self._begin + at * self._width, self._begin + (at + 1) * self._width, self.bins[at]) for at in among
        ]
        return NumberSummary(self.n, self.least, self.total / self.n, self.most, tuple(spread))


def sum_up(connection: Connection, key: int) -> LeadTotals:
    """Sum up all answers of a campaign, in flat memory. Raises NotFound."""
    spec = connection.execute(select(campaigns.c.spec).where(campaigns.c.key == key)).scalar()
    if spec is None:
        message = f"there is no campaign number {key} in this database"
        raise NotFound(message)
    assess = parsed_spec(spec).assess
    asked = {} if assess is None else assess.fields
    choices, numbers = _empty_choices(asked), _empty_numbers(asked)
    answers = (
        select(assessments.c.answer)
        .join(leads, leads.c.assessment == assessments.c.attempt)
        .where(leads.c.campaign_key == key)
    )
    assessed = 0
    for text in connection.execution_options(yield_per=AT_ONCE).execute(answers).scalars():
        assessed += 1
        for name, value in read_answer(text).items():
            _add(choices, numbers, name, value)
    counts = read_counts(connection, key)
    return LeadTotals(
        assessed=assessed,
        reused=counts[What.REUSED],
        input_tokens=counts[What.INPUT_TOKENS],
        output_tokens=counts[What.OUTPUT_TOKENS],
        cost=_cost(connection, key) / MILLION,
        batched=_batched(connection, key),
        choices=choices,
        numbers={name: found.summary() for name, found in numbers.items() if found.n},
    )


def _empty_choices(asked: Mapping[str, AnswerField]) -> dict[str, Counter[str]]:
    found = {}
    for name, spec in asked.items():
        if spec.type is Kind.CHOICE:
            found[name] = Counter(dict.fromkeys(spec.of, 0))
        elif spec.type is Kind.YES_NO:
            found[name] = Counter({"yes": 0, "no": 0})
    return found


def _empty_numbers(asked: Mapping[str, AnswerField]) -> dict[str, _Numbers]:
    return {name: _Numbers(spec) for name, spec in asked.items() if spec.type in {Kind.INTEGER, Kind.NUMBER}}


def _add(choices: Mapping[str, Counter[str]], numbers: Mapping[str, _Numbers], name: str, value: AnswerValue) -> None:
    """Count one part of an answer; reused answers have the same parts, because the question is the same."""
    if name in choices and isinstance(value, bool):
        choices[name]["yes" if value else "no"] += 1
    elif name in choices and isinstance(value, str):
        choices[name][value] += 1
    elif name in numbers and isinstance(value, int | float) and not isinstance(value, bool):
        numbers[name].add(float(value))


def _cost(connection: Connection, key: int) -> int:
    query = select(func.coalesce(func.sum(charged), 0))
    query = query.where(attempts.c.campaign_key == key, attempts.c.ended_at.is_not(None))
    return int(connection.execute(query).scalar_one())


def _batched(connection: Connection, key: int) -> int:
    query = select(func.count()).where(assessments.c.campaign_key == key, assessments.c.batch)
    return int(connection.execute(query).scalar_one())
