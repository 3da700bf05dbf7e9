"""What people ask about leads and the store can answer, as typed results. Blocking.

Times are epoch seconds and money is in the account's currency.
"""

from __future__ import annotations

from collections.abc import Iterator

from clarion.store.campaigns import Campaign
from clarion.store.lead_facts import LeadFacts as StoredFacts
from clarion.store.lead_lines import LeadLine
from clarion.store.lead_totals import LeadTotals, NumberSummary
from starter.looking import PAGE, Looking, View


class Spread(View):
    """How the numbers of one part of all answers are spread."""

    count: int
    lowest: float
    highest: float
    average: float
    buckets: dict[str, int]
    """Answers by the range that they lie in, the lowest first."""


class LeadSums(View):
    """What all assessments of a campaign came to."""

    assessed: int
    """Leads that have an answer."""
    reused: int
    """Those of them whose question had been answered before, at no cost."""
    input_tokens: int
    output_tokens: int
    cost: float
    """Of this campaign's own questions, also of those without an answer that can be used."""
    cost_per_lead: float | None
    """For each lead that this campaign has an answer to and paid for."""
    batched: int
    """Questions answered at the lower price of a batch."""
    choices: dict[str, dict[str, int]]
    """Leads by the value of a choice, for each part of the answer that is one."""
    numbers: dict[str, Spread]
    """For each part of the answer that is a number."""
    written: int
    """Leads that answers were written back to."""
    write_errors: int


class LeadFacts(View):
    """What is known of one lead once it was fetched."""

    fetched_at: float
    question_key: str | None
    """Names the question: the same lead, asked the same of the same model. None where there is no such lead."""
    attempt: str | None
    """The attempt whose answer it has."""
    asked_in: str | None
    """The campaign that attempt belongs to."""
    reused: bool
    model: str | None
    input_tokens: int
    output_tokens: int
    cost: float
    batch: int | None
    batch_state: str | None
    batch_status: str | None
    submitted_at: float | None
    live: bool
    """Whether a batch has left it to be asked at once."""
    written_at: float | None
    write_error: str | None


def lead_lines(looking: Looking, key: int) -> Iterator[LeadLine]:
    """Yield the leads of a campaign in the order of the audience, in flat memory; bad rows are among them."""
    after = 0
    while found := looking.store.leads.lines(key, after, PAGE):
        yield from found
        after = found[-1].position


def lead_facts(looking: Looking, key: int, position: int) -> LeadFacts | None:
    """Return what is known of one lead; None before it was fetched."""
    found = StoredFacts(looking.store.database).of(key, position)
    return None if found is None else LeadFacts.model_validate(found)


def lead_sums(looking: Looking, campaign: Campaign) -> LeadSums:
    """Sum up all answers of a campaign; takes time on a large one."""
    key = campaign.ref.key
    totals = looking.store.leads.totals(key)
    asked = totals.assessed - totals.reused
    snapshot = looking.store.campaigns.snapshot(key, looking.clock())
    return LeadSums(
        assessed=totals.assessed,
        reused=totals.reused,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        cost=totals.cost,
        cost_per_lead=totals.cost / asked if asked > 0 else None,
        batched=totals.batched,
        choices=_choices(totals),
        numbers={name: _spread(found) for name, found in totals.numbers.items()},
        written=snapshot.stages.get("written", 0),
        write_errors=looking.store.leads.usage(key).write_errors,
    )


def _choices(totals: LeadTotals) -> dict[str, dict[str, int]]:
    return {name: dict(values) for name, values in totals.choices.items()}


def _spread(found: NumberSummary) -> Spread:
    last = len(found.spread) - 1
    return Spread(
        count=found.n,
        lowest=found.least,
        highest=found.most,
        average=found.average,
        buckets={_range(part.low, part.high, ends=i == last): part.n for i, part in enumerate(found.spread)},
    )


def _range(low: float, high: float, *, ends: bool) -> str:
    """Write a part of a spread; the last one has its end in it."""
    return f"{low:g} to {high:g}" if ends else f"{low:g} to <{high:g}"
