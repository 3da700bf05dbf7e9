"""Which targets are tried again, and when."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clarion.domain.retry import LONGEST_DELAY, RETRYABLE, RetryRules, next_try
from clarion.domain.target import Outcome

NOW = 1_800_000_000.0


def test_the_delay_grows_with_every_try_until_none_is_left() -> None:
    rules = RetryRules(attempts=4, delay=600, backoff=3)
    waits = [next_try(rules, tries, Outcome.FAILED, NOW) for tries in (1, 2, 3, 4, 5)]
    assert waits == [NOW + 600, NOW + 1800, NOW + 5400, None, None]


def test_the_rules_hold_without_being_written() -> None:
    assert RetryRules() == RetryRules(attempts=3, delay=1800, backoff=2, on=(Outcome.FAILED, Outcome.UNDELIVERED))


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
