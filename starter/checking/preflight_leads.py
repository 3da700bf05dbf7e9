"""What a preflight says about leads: ids put right, requests to Salesforce, and what the questions would cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from pydantic import BaseModel, ConfigDict

from clarion.domain.answer import AnswerField, Kind
from clarion.domain.assessment import (
    AssessSpec,
    Mode,
    answer_schema,
    expected_tokens,
    lead_text,
    picks_batches,
    prompt,
)
from clarion.domain.campaign import CampaignSpec
from clarion.domain.lead import LeadSpec
from clarion.domain.lead_id import repaired
from clarion.settings import Account
from starter.checking.forecast import Tempo

WRITTEN_AT_ONCE = 200
"""Leads that one call writes to."""
BATCH_PRICE = 0.5
"""Of the usual price; OpenAI's, for what may take a day."""
NAMED = 5
"""Rows named whose ids were put right."""

VALUE = "x" * 16
LONG_VALUE = "x" * 300
LONG_FIELDS = frozenset({"Description"})
"""Assumed of a lead's fields, which nobody has fetched yet."""

ANSWER_TOKENS: Mapping[Kind, int] = {
    Kind.TEXT: 30,
    Kind.INTEGER: 2,
    Kind.NUMBER: 3,
    Kind.YES_NO: 1,
    Kind.CHOICE: 3,
    Kind.LIST: 45,
}
"""Assumed of an answer's parts, beside their names."""


class LeadPlan(BaseModel):
    """What an analysis of the accepted leads would ask for. Money is in the account's currency, spans in seconds."""

    model_config = ConfigDict(frozen=True)

    repaired: int
    """Ids whose letter case was restored from their checksum."""
    repaired_rows: tuple[int, ...]
    """The first of them, as a spreadsheet numbers them."""
    completed: int
    """Ids of 15 characters, which were given their checksum."""
    fields: tuple[str, ...]
    fetch_calls: int
    """Requests to Salesforce that fetch all leads."""
    write_calls: int
    """Requests that write answers back to all of them; 0 where nothing is to be written."""
    model: str
    mode: Mode
    in_batches: bool
    """Whether the leads would be asked about in batches."""
    instructions: str
    answer: dict[str, str]
    """The parts of an answer, in words."""
    input_tokens: int
    """Expected for all leads, like the following."""
    output_tokens: int
    cost_live: float
    cost_batch: float
    at_once: int
    """Questions at the same time."""
    decided_by: str
    """What keeps the campaign from being faster: `concurrency` or `rate`."""
    assumed_seconds: float
    """Of one answer, on average."""
    then: str | None
    """What follows with some of the leads, in a sentence."""
    notes: tuple[str, ...]


@dataclass(slots=True)
class Ids:
    """How the ids of accepted rows stood in the file, in flat memory."""

    repaired: int = 0
    repaired_rows: list[int] = field(default_factory=list)
    completed: int = 0

    def add(self, row: int, lead_id: str, variables: str | None, column: str) -> None:
        """Count an accepted row; ``variables`` are its cells as JSON, the id as it was written among them."""
        raw = str(json.loads(variables or "{}").get(column, lead_id)).strip()
        if raw == lead_id:
            return
        if repaired(raw).repaired:
            self.repaired += 1
            if len(self.repaired_rows) < NAMED:
                self.repaired_rows.append(row)
        elif len(raw) < len(lead_id):
            self.completed += 1


def lead_plan(spec: CampaignSpec, account: Account | None, ids: Ids, accepted: int, pace: Tempo) -> LeadPlan | None:
    """Plan the analysis of so many leads; None for other channels. Without an account, prices are the usual ones."""
    if spec.assess is None:
        return None
    lead, assess = spec.lead or LeadSpec(), spec.assess
    asked, answered = tokens_each(assess, lead)
    live = price(asked, answered, account) * accepted
    return LeadPlan(
        repaired=ids.repaired,
        repaired_rows=tuple(ids.repaired_rows),
        completed=ids.completed,
        fields=lead.fields,
        fetch_calls=ceil(accepted / lead.chunk),
        write_calls=ceil(accepted / WRITTEN_AT_ONCE) if lead.writing and lead.write_back else 0,
        model=assess.model,
        mode=assess.mode,
        in_batches=picks_batches(assess.mode, assess.within, accepted),
        instructions=assess.instructions,
        answer={name: in_words(part) for name, part in assess.fields.items()},
        input_tokens=asked * accepted,
        output_tokens=answered * accepted,
        cost_live=round(live, 4),
        cost_batch=round(live * BATCH_PRICE, 4),
        at_once=pace.at_once or 1,
        decided_by="concurrency" if pace.limited_by_lanes else "rate",
        assumed_seconds=pace.lasts,
        then=_then(spec),
        notes=tuple(_notes(lead, assess)),
    )


def tokens_each(assess: AssessSpec, lead: LeadSpec) -> tuple[int, int]:
    """Return the tokens that one question and its answer are expected to have."""
    example = lead_text({name: LONG_VALUE if name in LONG_FIELDS else VALUE for name in lead.fields})
    answered = sum(ANSWER_TOKENS[part.type] + 4 + len(name) // 4 for name, part in assess.fields.items())
    return expected_tokens(prompt(assess), example, answer_schema(assess.fields)), min(
        answered, assess.max_output_tokens
    )


def price(asked: int, answered: int, account: Account | None) -> float:
    """Return what so many tokens cost, asked at once; without an account, at the usual prices."""
    return (asked * _price("input", account) + answered * _price("output", account)) / 1e6


def lead_costs(spec: CampaignSpec, account: Account | None, leads: int) -> tuple[float, float]:
    """Return what asking about leads would cost, as expected and if every answer were as long as it may be."""
    assess = spec.assess or AssessSpec()
    asked, answered = tokens_each(assess, spec.lead or LeadSpec())
    share = BATCH_PRICE if picks_batches(assess.mode, assess.within, leads) else 1.0
    most = price(asked, assess.max_output_tokens, account)
    return price(asked, answered, account) * share * leads, most * share * leads


def in_words(part: AnswerField) -> str:
    """Say what a part of an answer may be: ``integer 0 to 100``, ``one of A, B, C``."""
    match part.type:
        case Kind.CHOICE:
            return f"one of {', '.join(part.of)}"
        case Kind.LIST:
            what = f"of {', '.join(part.of)}" if part.of else "texts"
            return f"up to {part.most} {what}" if part.most else f"some {what}"
        case Kind.YES_NO:
            return "yes or no"
    low, high = part.from_, part.to
    ends = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    return " ".join([part.type.value, *(end for end in ends if end)])


def _price(kind: str, account: Account | None) -> float:
    name = f"price_per_million_{kind}"
    return float(getattr(account, name) if account else Account.model_fields[name].default)


def _then(spec: CampaignSpec) -> str | None:
    if spec.then is None:
        return None
    channel = spec.then.campaign.get("channel", "another")
    return f"a campaign of channel {channel} with leads for which {spec.then.when}, at {', '.join(spec.then.phone)}"


def _notes(lead: LeadSpec, assess: AssessSpec) -> list[str]:
    notes = ["the provider's own limits a minute may make it slower; a model that thinks first uses more tokens"]
    if assess.fresh:
        notes.append("every lead is asked about, also where the same question has been answered before (fresh)")
    else:
        notes.append("what has been asked before, of the same model about an unchanged lead, costs nothing")
    if lead.write_back and not lead.writing:
        notes.append("nothing is written to Salesforce without `clarion start --write-back`")
    return notes
