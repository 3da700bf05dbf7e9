"""Where a campaign's targets come from, as its file says it: a file and its columns, or another campaign's outcomes."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import Field, field_validator

from clarion.domain.errors import did_you_mean
from clarion.domain.fields import Part, Word
from clarion.domain.phone import known_region, regions
from clarion.domain.problems import refusal, shown
from clarion.domain.target import Outcome

OWN_WORDS = ("prompt", "first_message", "context", "agent", "language")
"""What a row can bring for its call, in a column of its own; it goes before the campaign's."""

_COLUMN = "the name of the column with "


class AudienceSpec(Part):
    """Where the targets come from, and which columns mean what; the other columns are variables of the text."""

    file: Annotated[Word, Field(description="the path of a CSV, XLSX or JSON Lines file")]
    address: Annotated[Word, Field(description=_COLUMN + "the phone numbers, or of lead ids where leads are assessed")]
    """Where leads are assessed, files call it `lead_id`."""
    sheet: Annotated[Word | None, Field(description="the name of a sheet of the XLSX file")] = None
    time_zone: Annotated[Word | None, Field(description=_COLUMN + "time zones")] = None
    message: Annotated[Word | None, Field(description=_COLUMN + "each row's own text")] = None
    """The column with a row's own text, which is sent as it stands."""
    prompt: Annotated[Word | None, Field(description=_COLUMN + "each row's own prompt")] = None
    first_message: Annotated[Word | None, Field(description=_COLUMN + "what the agent says first to each")] = None
    context: Annotated[Word | None, Field(description=_COLUMN + "what the agent should know about each")] = None
    agent: Annotated[Word | None, Field(description=_COLUMN + "the id of each row's own agent")] = None
    language: Annotated[Word | None, Field(description=_COLUMN + "each row's language")] = None
    region: Annotated[str | None, Field(description='a country code such as "US"')] = None
    """The region (ISO 3166) of phone numbers without a country code."""
    delimiter: Annotated[str | None, Field(description='one character such as ";", or "tab"')] = None
    encoding: Annotated[str | None, Field(description='an encoding such as "utf-8" or "windows-1252"')] = None

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        code = region.strip().upper() if region is not None else None
        if code is not None and not known_region(code):
            near = ' (did you mean "GB"?)' if code == "UK" else did_you_mean(code, regions())
            raise refusal(f'"{region}" is not a region{near}; give the two letters of a country, such as "US" or "DE"')
        return code

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        found = "\t" if delimiter in ("tab", "\\t") else delimiter
        if found is not None and (len(found) != 1 or found in '"\r\n'):
            raise refusal(f'{shown(delimiter)} cannot separate cells; give one character such as ";", or "tab"')
        return found

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            return None if encoding is None else codecs.lookup(encoding).name
        except (LookupError, ValueError):
            raise refusal(f'"{encoding}" is not an encoding; give for example "utf-8" or "windows-1252"') from None


class Feed(Part):
    """Rows that come from another campaign: its targets that ended with one of these outcomes, as soon as they do."""

    campaign: Annotated[Word, Field(description="the id of a campaign")]
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1, description="a list of outcomes")]
    when: Annotated[Word | None, Field(description='a condition such as "score >= 70"')] = None
    """Of assessed leads, those that this is true of: a `Condition` of what `values_of` gives."""
    phone: tuple[Word, ...] = ()
    """Fields of a lead in which its phone number stands, the best first; of other targets the address goes on."""
