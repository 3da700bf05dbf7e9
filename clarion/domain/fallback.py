"""What follows for people whom the calls of a campaign did not reach."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from clarion.domain.fields import Part, Word
from clarion.domain.problems import refusal
from clarion.domain.target import Outcome
from clarion.domain.template import checked_text

REACHABLE_LATER = (Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.BUSY, Outcome.FAILED)
"""Outcomes of a call after which a text may still reach the person."""


class FallbackSpec(Part):
    """A text for those whom the calls did not reach, once no more calls are to come."""

    on: Annotated[tuple[Outcome, ...], Field(description=f"a list of outcomes out of {', '.join(REACHABLE_LATER)}")] = (
        Outcome.NO_ANSWER,
        Outcome.VOICEMAIL,
    )
    message: Annotated[Word, Field(description="the text to send")]
    account: Annotated[Word | None, Field(description="the name of an account that sends texts")] = None
    """Without it, the account of the calls."""

    @field_validator("on")
    @classmethod
    def _only_unreached(cls, on: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        if not on:
            raise refusal(f"no outcome is given, so no text would follow; give some of {', '.join(REACHABLE_LATER)}")
        for outcome in on:
            if outcome not in REACHABLE_LATER:
                raise refusal(f"no text follows a call that ended as {outcome}; give only {', '.join(REACHABLE_LATER)}")
        return tuple(dict.fromkeys(on))

    @field_validator("message")
    @classmethod
    def _usable_text(cls, message: str) -> str:
        return checked_text(message)
