"""An assessment: what a campaign asks an AI about each lead, and what one answer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clarion.domain.duration import Duration
from clarion.domain.fields import Amount, Count, Part, Word

AnswerValue = str | int | float | bool | list[str]
"""One part of an answer, as its field's kind says."""


class Mode(StrEnum):
    """How leads are assessed: one request each at once, as a file at half the price within a day, or what fits."""

    LIVE = "live"
    BATCH = "batch"
    AUTO = "auto"


class Kind(StrEnum):
    """What a part of an answer can be."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    LIST = "list"
    """Several texts."""


class AnswerField(Part):
    """One part of an answer, as the campaign wants it."""

    type: Annotated[Kind, Field(description=f"one of {', '.join(Kind)}")]
    description: Annotated[Word | None, Field(description="what the AI should write here")] = None
    from_: Annotated[Amount | None, Field(alias="from", description="a number")] = None
    to: Annotated[Amount | None, Field(description="a number")] = None
    of: Annotated[tuple[Word, ...], Field(description="a list of choices")] = ()
    most: Annotated[Count | None, Field(ge=1, le=100, description="a whole number from 1 to 100")] = None
    """Entries of a list."""


USUAL_ANSWER: Mapping[str, AnswerField] = {
    "score": AnswerField(type=Kind.INTEGER, from_=0, to=100, description="How well the lead fits, 100 is perfect."),
    "tier": AnswerField(type=Kind.CHOICE, of=("A", "B", "C", "D"), description="A: contact today. D: never."),
    "reasons": AnswerField(type=Kind.LIST, most=5, description="Why, in a few words each, from the lead's own data."),
    "risks": AnswerField(type=Kind.LIST, most=5, description="What speaks against it, or is missing in its data."),
    "next_step": AnswerField(type=Kind.TEXT, description="What a seller should do next, in one sentence."),
}

USUAL_INSTRUCTIONS = "Assess how likely this lead is to become a customer of a business that sells to companies."


class AssessSpec(Part):
    """What is asked about each lead, of which model, and how."""

    model: Annotated[Word, Field(max_length=100, description="the name of a model")] = "gpt-5-mini"
    instructions: Annotated[Word, Field(max_length=32_000, description="what the AI should look for")] = (
        USUAL_INSTRUCTIONS
    )
    fields: dict[Word, AnswerField] = Field(
        default_factory=lambda: dict(USUAL_ANSWER), description="a group of names, each with type and description"
    )
    mode: Annotated[Mode, Field(description="live, batch or auto")] = Mode.LIVE
    within: Annotated[Duration | None, Field(gt=0, description='a length of time such as "36h"')] = None
    """Seconds after the start by which all should be assessed; `auto` decides by it."""
    max_output_tokens: Annotated[Count, Field(ge=16, le=32_000, description="a whole number from 16 to 32000")] = 1_000
    fresh: Annotated[bool, Field(description="true or false")] = False
    """Whether leads are assessed again for which the same question has been answered before."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an AI made of one question; `answer` is None when it gave none that can be used."""

    key: str
    """Names the question: the same lead, asked the same of the same model."""
    model: str
    answer: Mapping[str, AnswerValue] | None
    input_tokens: int = 0
    output_tokens: int = 0
    batch: bool = False
    """Whether it came at the lower price of a batch."""
