"""What follows for leads that an assessment has found worth it: another campaign, fed as the answers come."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, field_validator

from clarion.domain.assessment import AnswerValue
from clarion.domain.condition import Condition
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.fields import Part, Word
from clarion.domain.lead import LeadValue
from clarion.domain.problems import refusal

FOLLOWING = ("sms", "call")
"""Channels of campaigns that can follow."""

PHONE = "phone"
"""What the address of such a campaign is called; its file has no column for it."""

USUAL_PHONES = ("MobilePhone", "Phone")

_NOT_A_WORD = re.compile(r"\W+")


def _written(value: object) -> object:
    """Turn what YAML reads as a moment back into text, so that the group stays what its file says."""
    if isinstance(value, dict):
        return {key: _written(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_written(inside) for inside in value]
    return value.isoformat() if isinstance(value, datetime | date) else value


class ThenSpec(Part):
    """A campaign of calls or texts with the leads for which `when` is true."""

    when: Annotated[Word, Field(description='a condition such as "score >= 70"')]
    """Of answers, fields of the lead and columns of the audience, by the names that `handed_on` gives them."""
    phone: Annotated[tuple[Word, ...], Field(min_length=1, description="a list of fields with phone numbers")] = (
        USUAL_PHONES
    )
    """Fields of the lead, the best first."""
    campaign: Annotated[
        dict[str, JsonValue],
        BeforeValidator(_written),
        Field(description="a group of keys such as channel, account and message"),
    ]
    """The campaign that follows, as its file would describe it, without an audience."""

    @field_validator("when")
    @classmethod
    def _is_a_condition(cls, when: str) -> str:
        try:
            Condition.parse(when)
        except BadInput as problem:
            raise refusal(str(problem)) from None
        return when

    @field_validator("phone")
    @classmethod
    def _each_once(cls, phone: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(phone))

    @field_validator("campaign")
    @classmethod
    def _can_follow(cls, campaign: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for key, why in (
            ("audience", "its rows are the leads for which when is true"),
            ("feed", "it is fed by this analysis, without a word"),
        ):
            if campaign.get(key) is not None:
                raise refusal(f"{key} cannot be given: {why}; leave it out")
        if campaign.get("channel") is None:
            raise refusal(f"channel is missing; give {' or '.join(FOLLOWING)}")
        if campaign["channel"] == "lead_analysis":
            raise refusal(f"no analysis of leads can follow another one; give {' or '.join(FOLLOWING)} as channel")
        return campaign


def unfetched_phones(then: ThenSpec, fields: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the fields with phone numbers, given the fields of a lead that are fetched."""
    missing = [name for name in then.phone if name not in fields]
    if then.phone == USUAL_PHONES and missing != list(then.phone):
        return
    for name in missing:
        near = did_you_mean(name, fields)
        yield f'then.phone: "{name}" is not fetched{near}; add it to lead.fields, or leave it out'


def known_names(columns: Iterable[str], fields: Iterable[str], answers: Iterable[str]) -> list[str]:
    """Return the names that `values_of` gives, for these columns, fields of a lead and answers."""
    names = list(columns)
    found = [*answers, *fields, *names, *map(_one_word, names)]
    return [name for name in dict.fromkeys(found) if name]


def values_of(
    columns: Mapping[str, str], fields: Mapping[str, LeadValue], answer: Mapping[str, AnswerValue]
) -> dict[str, object]:
    """Return what a condition is asked about: columns, then fields of the lead, then answers; later ones go first.

    Names that are no single word are known as one, too: the column "First Name" as `first_name`, unless something
    else has that name. Empty values are left out.
    """
    cells = {name: cell.strip() for name, cell in columns.items() if cell and not cell.isspace()}
    found: dict[str, object] = {}
    for name, cell in cells.items():
        found.setdefault(_one_word(name), cell)
    found.pop("", None)
    found |= cells
    found |= {name: value for name, value in fields.items() if value is not None and value != ""}
    found |= answer
    return found


def handed_on(
    columns: Mapping[str, str], fields: Mapping[str, LeadValue], answer: Mapping[str, AnswerValue]
) -> dict[str, str]:
    """Return the variables of a lead in the campaign that follows: `values_of` as texts, lists joined by "; "."""
    return {name: text for name, value in values_of(columns, fields, answer).items() if (text := _as_text(value))}


def _one_word(column: str) -> str:
    return _NOT_A_WORD.sub("_", column.lower()).strip("_")


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)
