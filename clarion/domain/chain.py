"""What follows for leads that an assessment has found worth it: another campaign, fed as the answers come."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from clarion.domain.fields import Part, Word


class ThenSpec(Part):
    """A campaign of calls or texts with the leads for which `when` is true."""

    when: Annotated[Word, Field(description='a condition such as "score >= 70"')]
    phone: Annotated[tuple[Word, ...], Field(min_length=1, description="a list of fields with phone numbers")] = (
        "MobilePhone",
        "Phone",
    )
    """Fields of the lead, the best first."""
    campaign: Annotated[dict[str, JsonValue], Field(description="a group of keys such as channel, account and message")]
    """The campaign that follows, as its file would describe it, without an audience."""
