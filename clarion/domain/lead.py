"""A lead: what a campaign says about fetching its leads, what one lead is, and what was written back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from clarion.domain.fields import Count, Part, Word

LeadValue = str | int | float | bool | None
"""A field's value as the CRM gives it."""

MOST_AT_ONCE = 2_000
"""Leads that one call of Salesforce's collections can fetch."""

USUAL_FIELDS = (
    "Name", "Company", "Title", "Industry", "NumberOfEmployees", "AnnualRevenue", "LeadSource", "Status", "Rating",
    "City", "State", "Country", "Website", "Email", "Phone", "MobilePhone", "Description",
)  # fmt: skip
"""The standard fields of a Lead that say something about it."""

FIELD = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$"


class LeadSpec(Part):
    """Where leads are fetched from, which of their fields, and what is written back to them."""

    account: Annotated[Word, Field(description="the name of a Salesforce account")] = "salesforce"
    fields: Annotated[
        tuple[Word, ...], Field(min_length=1, max_length=200, description="a list of fields of a Lead")
    ] = USUAL_FIELDS
    chunk: Annotated[Count, Field(ge=1, le=MOST_AT_ONCE, description="a whole number from 1 to 2000")] = MOST_AT_ONCE
    """Leads that one call fetches."""
    converted: Annotated[bool, Field(description="true or false")] = False
    """Whether leads that have been converted are assessed all the same."""
    write_back: dict[Word, Word] = Field(
        default_factory=dict, description="a group of fields of a Lead, each with the name of an answer"
    )
    """Answers by the field they are written to."""
    writing: Annotated[bool, Field(description="true or false")] = False
    """Whether anything is written to the CRM: `clarion start --write-back` says so."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead as the CRM has it."""

    id: str
    """18 characters."""
    fields: Mapping[str, LeadValue]
    converted: bool = False
