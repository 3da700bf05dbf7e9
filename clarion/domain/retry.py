"""When a target whose attempt ended badly is tried again."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from clarion.domain.duration import Duration
from clarion.domain.fields import Amount, Count, Part
from clarion.domain.problems import refusal
from clarion.domain.target import Outcome

RETRYABLE = (
    *(Outcome.FAILED, Outcome.UNDELIVERED, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.VOICEMAIL),
    *(Outcome.TRUNCATED, Outcome.INVALID_ANSWER, Outcome.REFUSED),
)
"""Outcomes another try can change. `unknown` is looked up and never retried on a guess."""

BY_DEFAULT = (Outcome.FAILED, Outcome.UNDELIVERED, Outcome.NO_ANSWER, Outcome.BUSY)
"""Whose voicemail answered is not called again unless a campaign says so."""

FOR_LEADS = (Outcome.FAILED, Outcome.TRUNCATED, Outcome.INVALID_ANSWER)
"""The same where leads are assessed; an AI that refused will refuse again."""

LONGEST_DELAY = 7 * 86_400.0
"""Seconds; growing delays stop growing here."""

_ATTEMPTS = "a whole number from 1 (no retry) to 20"
_DELAY = 'a length of time such as "30m"'
_BACKOFF = "a number from 1 (always the same delay) to 10"

Attempts = Annotated[Count, Field(ge=1, le=20, description=_ATTEMPTS)]
Delay = Annotated[Duration, Field(description=_DELAY)]
Backoff = Annotated[Amount, Field(ge=1, le=10, description=_BACKOFF)]


class OutcomeRetry(Part):
    """What is different after one outcome; what is not given is as in the rules around it."""

    attempts: Annotated[Attempts | None, Field(description=_ATTEMPTS)] = None
    delay: Annotated[Delay | None, Field(description=_DELAY)] = None
    backoff: Annotated[Backoff | None, Field(description=_BACKOFF)] = None


class RetryRules(Part):
    """How many tries a target gets, how far apart (the delay times `backoff` after each), and after which outcomes."""

    attempts: Attempts = 3
    delay: Delay = 1800.0
    backoff: Backoff = 2.0
    on: Annotated[tuple[Outcome, ...], Field(description=f"a list of outcomes out of {', '.join(RETRYABLE)}")] = (
        BY_DEFAULT
    )
    exclude_voicemail: Annotated[bool | None, Field(description="true or false")] = None
    """False calls people again whose voicemail answered, as does `voicemail` in `on`; true never does."""
    per_outcome: dict[Outcome, OutcomeRetry] = Field(
        default_factory=dict, description="a group of outcomes, each with attempts, delay or backoff"
    )

    @field_validator("on")
    @classmethod
    def _only_retryable(cls, on: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        for outcome in on:
            if outcome not in RETRYABLE:
                problem = f"a target that ended as {outcome} is never tried again; give only {', '.join(RETRYABLE)}"
                raise refusal(problem)
        return tuple(dict.fromkeys(on))

    @field_validator("per_outcome")
    @classmethod
    def _only_known(cls, rules: dict[Outcome, OutcomeRetry]) -> dict[Outcome, OutcomeRetry]:
        cls._only_retryable(tuple(rules))
        return rules

    @model_validator(mode="after")
    def _one_word_on_voicemail(self) -> Self:
        if self.exclude_voicemail and Outcome.VOICEMAIL in self.on:
            raise refusal("voicemail stands in on, and exclude_voicemail is true; leave one of them out")
        return self

    @model_validator(mode="after")
    def _special_rules_apply(self) -> Self:
        for outcome in self.per_outcome:
            if outcome not in self.retried:
                way = "add it to on"
                if outcome is Outcome.VOICEMAIL:
                    way = "set exclude_voicemail: false"
                raise refusal(f"per_outcome has rules for {outcome}, which is not tried again; {way}, or leave it out")
        return self

    @property
    def retried(self) -> frozenset[Outcome]:
        """The outcomes after which a target is tried again."""
        more = {Outcome.VOICEMAIL} if self.exclude_voicemail is False else set()
        return frozenset({*self.on, *more})


def next_try(rules: RetryRules, tries_done: int, outcome: Outcome, now: float, at_least: float = 0.0) -> float | None:
    """Return when to try again (epoch seconds), or None when this outcome was the last word.

    `at_least` is a delay in seconds that the provider or its error asks for; it lengthens the delay and adds no try.
    """
    special = rules.per_outcome.get(outcome, OutcomeRetry())
    if outcome not in rules.retried or tries_done >= (special.attempts or rules.attempts):
        return None
    first = rules.delay if special.delay is None else special.delay
    delay = min(first * (special.backoff or rules.backoff) ** max(tries_done - 1, 0), LONGEST_DELAY)
    return now + max(delay, at_least)
