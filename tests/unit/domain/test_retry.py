"""Which targets are tried again, and when."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clarion.domain.retry import LONGEST_DELAY, RETRYABLE, OutcomeRetry, RetryRules, next_try
from clarion.domain.target import Outcome

NOW = 1_800_000_000.0


def test_the_delay_grows_with_every_try_until_none_is_left() -> None:
    rules = RetryRules(attempts=4, delay=600, backoff=3)
    waits = [next_try(rules, tries, Outcome.FAILED, NOW) for tries in (1, 2, 3, 4, 5)]
    assert waits == [NOW + 600, NOW + 1800, NOW + 5400, None, None]


def test_the_rules_hold_without_being_written() -> None:
    on = (Outcome.FAILED, Outcome.UNDELIVERED, Outcome.NO_ANSWER, Outcome.BUSY)
    assert RetryRules() == RetryRules(attempts=3, delay=1800, backoff=2, on=on)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome not in RETRYABLE])
def test_an_outcome_that_another_try_cannot_change_is_the_last_word(outcome: Outcome) -> None:
    assert next_try(RetryRules(), 1, outcome, NOW) is None
    with pytest.raises(ValidationError, match="never tried again"):
        RetryRules(on=(outcome,))


def test_only_the_outcomes_asked_for_are_retried() -> None:
    rules = RetryRules(on=(Outcome.FAILED,))
    assert next_try(rules, 1, Outcome.UNDELIVERED, NOW) is None
    assert next_try(rules, 1, Outcome.FAILED, NOW) == NOW + 1800


def test_a_provider_that_asks_for_patience_is_heard_without_gaining_a_try() -> None:
    rules = RetryRules(attempts=2, delay=60)
    assert next_try(rules, 1, Outcome.FAILED, NOW, at_least=7200) == NOW + 7200
    assert next_try(rules, 1, Outcome.FAILED, NOW, at_least=5) == NOW + 60
    assert next_try(rules, 2, Outcome.FAILED, NOW, at_least=7200) is None


def test_a_delay_stops_growing_at_a_week() -> None:
    rules = RetryRules(attempts=20, delay=86_400, backoff=10)
    assert next_try(rules, 19, Outcome.FAILED, NOW) == NOW + LONGEST_DELAY


def test_no_attempt_that_provably_never_happened_counts_against_the_first_delay() -> None:
    assert next_try(RetryRules(delay=60), 0, Outcome.FAILED, NOW) == NOW + 60


def test_an_outcome_with_rules_of_its_own_takes_the_rest_from_those_around_it() -> None:
    rules = RetryRules(
        attempts=3,
        delay=1800,
        backoff=1,
        per_outcome={
            Outcome.BUSY: OutcomeRetry(delay=300, attempts=5),
            Outcome.NO_ANSWER: OutcomeRetry(backoff=2),
            Outcome.FAILED: OutcomeRetry(attempts=1),
        },
    )
    busy = [next_try(rules, tries, Outcome.BUSY, NOW) for tries in (1, 2, 3, 4, 5)]
    assert busy == [NOW + 300, NOW + 300, NOW + 300, NOW + 300, None]
    assert [next_try(rules, tries, Outcome.NO_ANSWER, NOW) for tries in (1, 2, 3)] == [NOW + 1800, NOW + 3600, None]
    assert next_try(rules, 1, Outcome.FAILED, NOW) is None
    assert next_try(rules, 1, Outcome.UNDELIVERED, NOW) == NOW + 1800


def test_no_delay_of_an_outcome_is_not_taken_for_none_given() -> None:
    rules = RetryRules(delay=600, per_outcome={Outcome.BUSY: OutcomeRetry(delay=0)})
    assert next_try(rules, 1, Outcome.BUSY, NOW) == NOW


@pytest.mark.parametrize(
    ("rules", "called_again"),
    [
        (RetryRules(), False),
        (RetryRules(exclude_voicemail=True), False),
        (RetryRules(exclude_voicemail=False), True),
        (RetryRules(on=(Outcome.VOICEMAIL,)), True),
        (RetryRules(on=(), exclude_voicemail=False), True),
        (RetryRules(on=(Outcome.BUSY,)), False),
    ],
)
def test_a_voicemail_is_called_again_only_when_the_campaign_says_so(rules: RetryRules, called_again: bool) -> None:
    assert (next_try(rules, 1, Outcome.VOICEMAIL, NOW) is not None) is called_again
    assert (Outcome.VOICEMAIL in rules.retried) is called_again
