"""When a target whose attempt ended badly is tried again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from clarion.domain.duration import Duration
from clarion.domain.fields import Amount, Count, Part
from clarion.domain.problems import refusal
from clarion.domain.target import Outcome

RETRYABLE = (Outcome.FAILED, Outcome.UNDELIVERED)
"""Outcomes another try can change. `unknown` is looked up and never retried on a guess."""

LONGEST_DELAY = 7 * 86_400.0
"""Seconds; growing delays stop growing here."""


class RetryRules(Part):
    """How many tries a target gets, how far apart (the delay times `backoff` after each), and after which outcomes."""

    attempts: Annotated[Count, Field(ge=1, le=20, description="a whole number from 1 (no retry) to 20")] = 3
    delay: Annotated[Duration, Field(description='a length of time such as "30m"')] = 1800.0
    backoff: Annotated[Amount, Field(ge=1, le=10, description="a number from 1 (always the same delay) to 10")] = 2.0
    on: Annotated[tuple[Outcome, ...], Field(description=f"a list of outcomes out of {', '.join(RETRYABLE)}")] = (
        RETRYABLE
    )

    @field_validator("on")
    @classmethod
    def _only_retryable(cls, on: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        for outcome in on:
            if outcome not in RETRYABLE:
                problem = f"a target that ended as {outcome} is never tried again; give only {', '.join(RETRYABLE)}"
                raise refusal(problem)
        return tuple(dict.fromkeys(on))


def next_try(rules: RetryRules, tries_done: int, outcome: Outcome, now: float, at_least: float = 0.0) -> float | None:
    """Return when to try again (epoch seconds), or None when this outcome was the last word.

    `at_least` is a delay in seconds that the provider or its error asks for; it lengthens the delay and adds no try.
    """
    if outcome not in rules.on or tries_done >= rules.attempts:
        return None
    delay = min(rules.delay * rules.backoff ** max(tries_done - 1, 0), LONGEST_DELAY)
    return now + max(delay, at_least)
