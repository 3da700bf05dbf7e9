"""The kinds of value a campaign file is made of, each with the words that say what may stand there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from clarion.domain.problems import refusal, shown


class Part(BaseModel):
    """A group of keys in a campaign file: it cannot be changed, and it knows all its keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # `name: 2026` needs no quotes
        validate_by_name=True,
        serialize_by_alias=True,
    )


def _number(value: object) -> object:
    """Keep true and false from counting as 1 and 0."""
    if isinstance(value, bool):
        raise refusal(f"{shown(value)} is not a number")
    return value


def _instant(value: object) -> object:
    """Take an ISO 8601 text with an offset; a bare number would be read as seconds since 1970."""
    example = "for example 2026-12-01T09:00:00+01:00"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise refusal(f"{shown(value)} is not a date and time; write it as ISO 8601, {example}") from None
    if not isinstance(value, datetime):
        raise refusal(f"{shown(value)} is not a date and time; write it as ISO 8601, {example}")
    if value.utcoffset() is None:
        raise refusal(f"{value.isoformat()} does not say in which time zone; add its offset from UTC, {example}")
    return value


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Count = Annotated[int, BeforeValidator(_number)]
Amount = Annotated[float, BeforeValidator(_number)]
Rate = Annotated[Annotated[Amount, Field(ge=1e-6, le=1e6)] | None, Field(description="a number greater than 0")]
"""Contacts in a span of time; beyond these bounds are mistakes, and numbers that no database keeps."""
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
