"""What Retell's call object says in our words, whatever is in it."""

from __future__ import annotations

from typing import get_args

import pytest
from retell.types import PhoneCallResponse

from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.target import Outcome
from clarion.providers.retell_call import RetellCall
from clarion.providers.retell_statuses import BY_STATUS, ENDS, UNDERWAY, verdict_on
from tests.docs.pages import rows

ANSWERED = {
    "user_hangup", "agent_hangup", "call_transfer", "transfer_bridged", "transfer_cancelled", "call_take_over",
    "inactivity", "max_duration_reached", "manual_stopped", "user_requested_callback", "user_requested_dnc",
}  # fmt: skip
OF_THE_ACCOUNT = {
    "telephony_provider_permission_denied", "no_valid_payment", "credit_exhausted", "budget_reached", "scam_detected",
}  # fmt: skip


def literals(field: str) -> set[str]:
    """Return the values that the SDK knows of a field."""
    annotation = PhoneCallResponse.model_fields[field].annotation
    inner = [*get_args(annotation), *(value for part in get_args(annotation) for value in get_args(part))]
    return {value for value in inner if isinstance(value, str)}


def test_every_reason_and_status_of_the_sdk_has_a_meaning() -> None:
    assert literals("disconnection_reason") == set(ENDS)
    assert literals("call_status") == {*UNDERWAY, *BY_STATUS}


def row_of(reason: str) -> str:
    """Return the row of the page on Retell in which a reason belongs."""
    end = ENDS[reason]
    if end.account_fault:
        return "account"
    return "failed for good" if end.outcome is Outcome.FAILED and not end.retryable else end.outcome.value


def test_the_page_on_retell_lists_every_reason() -> None:
    listed = {cells[0]: cells[2].split() for cells in rows("docs/providers/retell.md") if len(cells) == 3}
    for row in {row_of(reason) for reason in ENDS}:
        assert listed[row] == sorted(reason for reason in ENDS if row_of(reason) == row)


@pytest.mark.parametrize("reason", sorted(ANSWERED))
def test_a_conversation_was_answered_however_it_ended(reason: str) -> None:
    verdict = verdict_on("ended", reason, "call_1", talked=True)
    assert (verdict.outcome, verdict.final, verdict.retryable) == (Outcome.ANSWERED, True, False)
    assert (verdict.provider_status, verdict.provider_code) == ("ended", reason)
    assert verdict.suppress is (reason == "user_requested_dnc")


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "retryable"),
    [
        ("ended", "voicemail_reached", Outcome.VOICEMAIL, True),
        ("ended", "ivr_reached", Outcome.VOICEMAIL, True),
        ("not_connected", "dial_busy", Outcome.BUSY, True),
        ("not_connected", "user_declined", Outcome.BUSY, True),
        ("not_connected", "dial_no_answer", Outcome.NO_ANSWER, True),
        ("not_connected", "dial_failed", Outcome.FAILED, True),
        ("not_connected", "invalid_destination", Outcome.INVALID_NUMBER, False),
        ("not_connected", "marked_as_spam", Outcome.FAILED, False),
        ("error", "error_retell", Outcome.FAILED, True),
        ("error", "a_reason_of_tomorrow", Outcome.FAILED, True),
        ("not_connected", None, Outcome.FAILED, True),
        ("ended", "a_reason_of_tomorrow", Outcome.ANSWERED, False),
        ("ended", "manual_stopped", Outcome.CANCELLED, False),
    ],
)
def test_a_call_without_a_conversation_says_why(
    status: str, reason: str | None, outcome: Outcome, retryable: bool
) -> None:
    verdict = verdict_on(status, reason, "call_1")
    assert (verdict.outcome, verdict.retryable, verdict.final) == (outcome, retryable, True)
    assert not verdict.account_fault
    assert not verdict.succeeded
    assert verdict.detail


@pytest.mark.parametrize("reason", sorted(OF_THE_ACCOUNT))
def test_what_every_call_would_meet_is_the_accounts_fault(reason: str) -> None:
    verdict = verdict_on("error", reason, "call_1")
    assert (verdict.outcome, verdict.account_fault, verdict.retryable) == (Outcome.FAILED, True, True)


@pytest.mark.parametrize("reason", ["concurrency_limit_reached", "no_concurrency_fallback"])
def test_too_many_calls_at_once_are_waited_for(reason: str) -> None:
    verdict = verdict_on("error", reason, "call_1")
    assert (verdict.outcome, verdict.retryable, verdict.at_least) == (Outcome.FAILED, True, 60.0)
    assert not verdict.account_fault


@pytest.mark.parametrize("status", ["registered", "ongoing", "a_status_of_tomorrow", ""])
def test_a_call_that_goes_on_decides_nothing(status: str) -> None:
    verdict = verdict_on(status, "user_hangup", "call_1")
    assert (verdict.outcome, verdict.final) == (Outcome.PLACED, False)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("agent_hangup", Outcome.VOICEMAIL),
        ("user_requested_dnc", Outcome.ANSWERED),
        ("dial_busy", Outcome.BUSY),
    ],
)
def test_the_analysis_may_know_that_it_was_a_voicemail(reason: str, outcome: Outcome) -> None:
    assert verdict_on("ended", reason, "call_1", talked=True, in_voicemail=True).outcome is outcome


ENDED = {
    "call_id": "call_1",
    "call_status": "ended",
    "disconnection_reason": "user_hangup",
    "metadata": {"attempt": "7.12.1"},
    "duration_ms": 61_500,
    "call_cost": {"combined_cost": 12.5},
    "recording_url": "https://example.com/1.wav",
    "transcript_object": [
        {"role": "agent", "content": "Hi Ann!", "words": [{"word": "Hi", "start": 0.5}, {"word": "Ann!"}]},
        {"role": "user", "content": "Hello.", "words": []},
        {"role": "transfer_target", "content": "Yes?"},
    ],
    "call_analysis": {
        "call_summary": "Ann agreed.",
        "call_successful": True,
        "user_sentiment": "Positive",
        "in_voicemail": False,
        "custom_analysis_data": {"wants": "car", "times": 2, "none": None, "list": [1], "call_successful": "theirs"},
    },
}


def test_an_ended_call_tells_all_it_knows() -> None:
    call = RetellCall.model_validate(ENDED)
    facts = call.word().facts
    assert call.attempt == "7.12.1"
    assert (facts.stage, facts.answered_by, facts.duration) == (Stage.ENDED, AnsweredBy.HUMAN, 61.5)
    assert facts.cost == pytest.approx(0.125)
    assert facts.disconnection_reason == "user_hangup"
    assert (facts.recording_url, facts.summary) == ("https://example.com/1.wav", "Ann agreed.")
    assert facts.turns == (
        Turn(Speaker.AGENT, "Hi Ann!", 0.5),
        Turn(Speaker.PERSON, "Hello.", None),
        Turn(Speaker.OTHER, "Yes?", None),
    )
    assert facts.analysis == {
        "call_successful": "true",
        "user_sentiment": "Positive",
        "in_voicemail": "false",
        "wants": "car",
        "times": "2",
        "list": "[1]",
    }


def test_a_call_that_was_not_connected_lasted_no_time() -> None:
    call = {"call_id": "c", "call_status": "not_connected", "duration_ms": 30_000, "disconnection_reason": "dial_busy"}
    facts = RetellCall.model_validate(call).word().facts
    assert (facts.duration, facts.answered_by, facts.stage) == (None, None, Stage.ENDED)


def test_a_voicemail_is_a_machine() -> None:
    call = {"call_id": "c", "call_status": "ended", "disconnection_reason": "voicemail_reached"}
    assert RetellCall.model_validate(call).word().facts.answered_by is AnsweredBy.MACHINE


def test_a_stopped_conversation_was_answered() -> None:
    call = {**ENDED, "disconnection_reason": "manual_stopped"}
    assert RetellCall.model_validate(call).word().verdict.outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    "field",
    ["metadata", "duration_ms", "call_cost", "recording_url", "transcript_object", "call_analysis", "direction"],
)
@pytest.mark.parametrize("odd", [None, [{"odd": 1}], {"odd": [None]}, float("nan")])
def test_an_odd_extra_does_not_cost_the_outcome(field: str, odd: object) -> None:
    word = RetellCall.model_validate({**ENDED, field: odd}).word()
    assert word.verdict.outcome is Outcome.ANSWERED
    assert word.facts.disconnection_reason == "user_hangup"


@pytest.mark.parametrize("attempt", ["7.12", "x", 7, None, "", {"attempt": "7.12.1"}])
def test_metadata_of_somebody_else_is_not_our_attempt(attempt: object) -> None:
    assert RetellCall.model_validate({"call_id": "c", "metadata": {"attempt": attempt}}).attempt is None
