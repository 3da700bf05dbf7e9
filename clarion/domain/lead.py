"""A lead: what a campaign says about fetching its leads, what one lead is, and what was written back to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from clarion.domain.fields import Count, Part, Word
from clarion.domain.problems import refusal, shown

LeadValue = str | int | float | bool | None
"""A field's value as the CRM gives it."""

MOST_AT_ONCE = 2_000
"""Leads that one call of Salesforce's collections can fetch."""

USUAL_FIELDS = (
    "Name", "Company", "Title", "Industry", "NumberOfEmployees", "AnnualRevenue", "LeadSource", "Status", "Rating",
    "City", "State", "Country", "Website", "Email", "Phone", "MobilePhone", "Description",
)  # fmt: skip
"""The standard fields of a Lead that say something about it."""

ALWAYS_FETCHED = ("Id", "IsConverted")
"""Fields of every lead that are fetched without being named, and are no part of a question."""

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_READ_ONLY = frozenset(
    {"id", "isconverted", "isdeleted", "createddate", "createdbyid", "lastmodifieddate", "lastmodifiedbyid", "name"}
    | {"systemmodstamp", "converteddate", "convertedaccountid", "convertedcontactid", "convertedopportunityid"}
)
"""Fields that Salesforce sets by itself."""


class LeadSpec(Part):
    """Where leads are fetched from, which of their fields, and what is written back to them."""

    account: Annotated[Word, Field(description="the name of a Salesforce account")] = "salesforce"
    write_back: dict[Word, Word] = Field(
        default_factory=dict, description="a group of fields of a Lead, each with the name of an answer"
    )
    """Answers by the field they are written to."""
    fields: Annotated[
        tuple[Word, ...],
        Field(min_length=1, max_length=200, description="a list of 1 to 200 fields of a Lead", validate_default=True),
    ] = USUAL_FIELDS
    """Fetched and shown to the AI. Those that answers are written to are not among them, even if the file names them:
    an earlier answer is no fact about a lead, and must not make its next assessment a new question that costs again."""
    chunk: Annotated[Count, Field(ge=1, le=MOST_AT_ONCE, description="a whole number from 1 to 2000")] = MOST_AT_ONCE
    """Leads that one call fetches."""
    converted: Annotated[bool, Field(description="true or false")] = False
    """Whether leads that have been converted are assessed all the same."""
    writing: Annotated[bool, Field(description="true or false")] = False
    """Whether anything is written to the CRM: `clarion start --write-back` says so."""

    @field_validator("write_back")
    @classmethod
    def _can_be_written(cls, targets: dict[str, str]) -> dict[str, str]:
        for field in targets:
            _require_field(field)
            if field.lower() in _READ_ONLY:
                raise refusal(f"{shown(field)} cannot be written, as Salesforce sets it by itself; give another field")
        if twin := next(_twins(targets), None):
            raise refusal(f"{shown(twin)} is given twice, in capitals and small letters; give each field once")
        return targets

    @field_validator("fields")
    @classmethod
    def _known_form(cls, fields: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for field in fields:
            _require_field(field)
        apart = {name.lower() for name in (*ALWAYS_FETCHED, *info.data.get("write_back", {}))}
        once = {field.lower(): field for field in reversed(fields) if field.lower() not in apart}
        left = tuple(field for field in fields if once.get(field.lower()) is field)
        if not left:
            raise refusal(
                f"{', '.join(fields)} say nothing about a lead (ids and fields that are written back are left out);"
                " give more, such as Company and Title"
            )
        return tuple(dict.fromkeys(left))

    @model_validator(mode="after")
    def _has_something_to_write(self) -> Self:
        if self.writing and not self.write_back:
            raise refusal(
                "write_back is missing, so nothing could be written; give a group of fields of a Lead, each with the"
                " name of an answer, such as AI_Score__c: score"
            )
        return self


def _require_field(field: str) -> None:
    """Refuse what cannot be a lead's own field; Salesforce's collections know no others."""
    names = field.split(".")
    if len(field) > 255 or not all(map(_FIELD.fullmatch, names)):
        raise refusal(f"{shown(field)} cannot be a field of a lead; give its API name, such as Company or AI_Score__c")
    if len(names) > 1:
        raise refusal(
            f"{shown(field)} is a field of another object; give fields of the lead itself, such as {names[0]}Id,"
            " or a formula field that shows it"
        )


def _twins(fields: Iterable[str]) -> Iterator[str]:
    seen = set()
    for field in fields:
        if field.lower() in seen:
            yield field
        seen.add(field.lower())


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead as the CRM has it."""

    id: str
    """18 characters."""
    fields: Mapping[str, LeadValue]
    converted: bool = False
