"""What the end of an attempt means for its target."""

from __future__ import annotations

import pytest

from clarion.domain.attempt import NEVER, AttemptId, Standing, Verdict, standing_after
from clarion.domain.errors import BadInput
from clarion.domain.retry import RetryRules
from clarion.domain.target import Outcome, TargetState

NOW = 1_800_000_000.0
RULES = RetryRules(attempts=3, delay=600, backoff=1)


def after(
    outcome: Outcome,
    *,
    final: bool = True,
    tries: int = 1,
    rules: RetryRules = RULES,
    running: bool = True,
    **say: bool,
) -> Standing:
    verdict = Verdict(outcome, final=final, **say)  # type: ignore[arg-type]
    return standing_after(verdict, rules, tries=tries, now=NOW, receipt_wait=60.0, running=running)


def test_a_call_that_goes_on_keeps_its_target_until_somebody_says_more() -> None:
    assert after(Outcome.PLACED, final=False) == Standing(TargetState.ACTIVE, Outcome.PLACED, NEVER)


def test_a_call_that_we_hung_up_before_anybody_answered_leaves_its_target_cancelled() -> None:
    assert after(Outcome.CANCELLED) == Standing(TargetState.CANCELLED, Outcome.CANCELLED, NEVER)


def test_a_person_who_answered_was_reached() -> None:
    assert after(Outcome.ANSWERED) == Standing(TargetState.SUCCEEDED, Outcome.ANSWERED, NEVER)


def test_a_person_who_answered_is_reached_for_good_once_the_last_word_has_come() -> None:
    assert after(Outcome.ANSWERED, final=False) == Standing(TargetState.ACTIVE, Outcome.ANSWERED, NOW + 60)


@pytest.mark.parametrize("retryable", [False, True])
def test_a_voicemail_is_no_success_and_by_default_not_called_again(retryable: bool) -> None:
    assert after(Outcome.VOICEMAIL, retryable=retryable) == Standing(TargetState.FAILED, Outcome.VOICEMAIL, NEVER)


def test_a_voicemail_that_was_left_its_message_was_reached() -> None:
    rules = RetryRules(exclude_voicemail=False)
    said = after(Outcome.VOICEMAIL, rules=rules, retryable=True, succeeded=True)
    assert said == Standing(TargetState.SUCCEEDED, Outcome.VOICEMAIL, NEVER)


def test_a_voicemail_is_called_again_where_the_rules_say_so() -> None:
    rules = RetryRules(attempts=2, delay=600, exclude_voicemail=False)
    assert after(Outcome.VOICEMAIL, rules=rules, retryable=True) == Standing(
        TargetState.WAITING, Outcome.VOICEMAIL, NOW + 600
    )
    assert after(Outcome.VOICEMAIL, rules=rules, retryable=True, tries=2).state is TargetState.FAILED


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED])
def test_who_was_not_reached_is_called_again_while_tries_are_left_and_the_campaign_runs(outcome: Outcome) -> None:
    assert after(outcome, retryable=True) == Standing(TargetState.WAITING, outcome, NOW + 600)
    assert after(outcome, retryable=True, tries=3) == Standing(TargetState.FAILED, outcome, NEVER)
    assert after(outcome, retryable=True, running=False) == Standing(TargetState.FAILED, outcome, NEVER)
    assert after(outcome, retryable=False) == Standing(TargetState.FAILED, outcome, NEVER)


def test_what_nobody_can_say_is_looked_up_at_once() -> None:
    assert after(Outcome.UNKNOWN, final=False) == Standing(TargetState.UNKNOWN, Outcome.UNKNOWN, NOW)


def test_who_asked_never_to_be_called_is_skipped() -> None:
    assert after(Outcome.OPTED_OUT, suppress=True) == Standing(TargetState.SKIPPED, Outcome.OPTED_OUT, NEVER)


def test_an_attempt_s_id_survives_being_written_and_read() -> None:
    attempt = AttemptId(12, 345, 2)
    assert AttemptId.parse(str(attempt)) == attempt == (12, 345, 2)


@pytest.mark.parametrize("text", ["", "1.2", "1.2.3.4", "1.2.x", "1.-2.3", "²2.2.3", "1.2." + "9" * 19])
def test_what_is_no_id_of_ours_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not an attempt id of ours"):
        AttemptId.parse(text)
