"""What ElevenLabs' conversation object says in our words, whatever is in it."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest
from elevenlabs.types.call_result import CallResult
from elevenlabs.types.get_conversation_response_model_status import GetConversationResponseModelStatus
from elevenlabs.types.twilio_answered_by import TwilioAnsweredBy

from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs_conversation import Conversation
from clarion.providers.elevenlabs_statuses import (
    DONE,
    FAILED,
    MACHINES,
    RESULTS,
    UNDERWAY,
    verdict_on,
    verdict_on_failure,
)


def literals(union: Any) -> set[str]:  # noqa: ANN401 -- a type of the SDK
    """Return the values that the SDK knows of a type."""
    return {value for part in get_args(union) if get_origin(part) is Literal for value in get_args(part)}


def test_every_word_of_the_sdk_has_a_meaning() -> None:
    assert literals(CallResult) == set(RESULTS)
    assert literals(GetConversationResponseModelStatus) == {*UNDERWAY, DONE, FAILED}
    assert literals(TwilioAnsweredBy) == set(MACHINES)


@pytest.mark.parametrize(
    ("status", "result", "outcome", "retryable"),
    [
        ("done", "answered", Outcome.ANSWERED, False),
        ("done", None, Outcome.ANSWERED, False),
        ("done", "a_result_of_tomorrow", Outcome.ANSWERED, False),
        ("done", "voicemail", Outcome.VOICEMAIL, True),
        ("done", "busy", Outcome.BUSY, True),
        ("failed", "busy", Outcome.BUSY, True),
        ("failed", "no_answer", Outcome.NO_ANSWER, True),
        ("failed", "failed", Outcome.FAILED, True),
        ("failed", "answered", Outcome.FAILED, True),
        ("failed", None, Outcome.FAILED, True),
    ],
)
def test_an_end_says_how_the_call_went(status: str, result: str | None, outcome: Outcome, retryable: bool) -> None:
    verdict = verdict_on(status, result, "conv_1")
    assert (verdict.outcome, verdict.retryable, verdict.final) == (outcome, retryable, True)
    assert (verdict.provider_reference, verdict.provider_status, verdict.provider_code) == ("conv_1", status, result)
    assert verdict.detail
    assert not verdict.succeeded


@pytest.mark.parametrize("status", ["initiated", "in-progress", "processing", "a_status_of_tomorrow", ""])
def test_a_conversation_without_a_last_word_decides_nothing(status: str) -> None:
    verdict = verdict_on(status, "busy", "conv_1")
    assert (verdict.outcome, verdict.final) == (Outcome.PLACED, False)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [(None, Outcome.VOICEMAIL), ("answered", Outcome.VOICEMAIL), ("busy", Outcome.BUSY)],
)
def test_the_agents_own_detection_counts(result: str | None, outcome: Outcome) -> None:
    assert verdict_on("done", result, "conv_1", detected_voicemail=True).outcome is outcome


@pytest.mark.parametrize(
    ("reason", "telephony", "outcome", "retryable"),
    [
        ("busy", "busy", Outcome.BUSY, True),
        ("no-answer", None, Outcome.NO_ANSWER, True),
        ("unknown", "busy", Outcome.BUSY, True),
        ("unknown", "canceled", Outcome.CANCELLED, False),
        ("unknown", "failed", Outcome.FAILED, True),
        ("unknown", None, Outcome.FAILED, True),
        ("a reason of tomorrow", "?", Outcome.FAILED, True),
    ],
)
def test_a_call_that_never_began_says_why(
    reason: str, telephony: str | None, outcome: Outcome, retryable: bool
) -> None:
    verdict = verdict_on_failure(reason, telephony, "conv_1")
    assert (verdict.outcome, verdict.retryable, verdict.provider_code) == (outcome, retryable, reason)


DONE_CALL: dict[str, Any] = {
    "conversation_id": "conv_1",
    "status": "done",
    "user_id": "7.12.1",
    "metadata": {
        "call_duration_secs": 61,
        "cost": 400,
        "cost_fiat": 0.12,
        "termination_reason": "end_call tool was called.",
        "phone_call": {"type": "twilio", "call_result": "answered", "call_sid": "CA1"},
    },
    "transcript": [
        {"role": "agent", "message": "Hi Ann!", "time_in_call_secs": 0},
        {"role": "agent", "message": None, "tool_calls": [{}], "time_in_call_secs": 1},
        {"role": "user", "message": "Hello.", "time_in_call_secs": 2},
        {"role": "ghost", "message": "Boo."},
    ],
    "analysis": {
        "call_successful": "success",
        "transcript_summary": "Ann agreed.",
        "data_collection_results": {
            "wants": {"value": "car"},
            "times": {"value": 2},
            "sure": {"value": True},
            "none": {"value": None},
        },
        "evaluation_criteria_results": {"polite": {"result": "failure", "rationale": "…"}},
    },
}


def test_a_finished_call_tells_all_it_knows() -> None:
    conversation = Conversation.model_validate(DONE_CALL)
    facts = conversation.word().facts
    assert conversation.attempt == "7.12.1"
    assert (facts.stage, facts.answered_by, facts.duration) == (Stage.ENDED, None, 61.0)
    assert facts.cost == pytest.approx(0.12)
    assert (facts.disconnection_reason, facts.summary) == ("end_call tool was called.", "Ann agreed.")
    assert facts.turns == (
        Turn(Speaker.AGENT, "Hi Ann!", 0.0),
        Turn(Speaker.PERSON, "Hello.", 2.0),
        Turn(Speaker.OTHER, "Boo.", None),
    )
    assert facts.analysis == {
        "call_successful": "success",
        "wants": "car",
        "times": "2",
        "sure": "true",
        "polite": "failure",
    }


def test_credits_are_no_money() -> None:
    metadata = {**DONE_CALL["metadata"], "cost_fiat": None}
    assert Conversation.model_validate({**DONE_CALL, "metadata": metadata}).word().facts.cost is None


def test_while_it_is_processed_it_is_over_and_not_decided() -> None:
    word = Conversation.model_validate({**DONE_CALL, "status": "processing"}).word()
    assert (word.verdict.outcome, word.facts.stage, word.facts.cost) == (Outcome.PLACED, Stage.ENDED, None)


def test_an_error_keeps_its_code() -> None:
    call = {"conversation_id": "c", "status": "failed", "metadata": {"error": {"code": 1002, "reason": "secret"}}}
    verdict = Conversation.model_validate(call).word().verdict
    assert (verdict.outcome, verdict.provider_code) == (Outcome.FAILED, "1002")
    assert "secret" not in (verdict.detail or "")


def test_a_voicemail_that_the_agent_detected_is_a_machine() -> None:
    metadata = {"features_usage": {"voicemail_detection": {"enabled": True, "used": True}}, "call_duration_secs": 8}
    facts = Conversation.model_validate({"conversation_id": "c", "status": "done", "metadata": metadata}).word().facts
    assert (facts.answered_by, facts.duration) == (AnsweredBy.MACHINE, 8.0)


@pytest.mark.parametrize("field", ["metadata", "transcript", "analysis", "user_id"])
@pytest.mark.parametrize("odd", [None, [{"odd": 1}], {"odd": [None]}, 7, float("nan")])
def test_an_odd_extra_does_not_cost_the_outcome(field: str, odd: object) -> None:
    assert Conversation.model_validate({**DONE_CALL, field: odd}).word().verdict.outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    ("fields", "attempt"),
    [
        ({"user_id": "7.12.1"}, "7.12.1"),
        ({"conversation_initiation_client_data": {"user_id": "7.12.1"}}, "7.12.1"),
        ({"user_id": "ann@example.com", "conversation_initiation_client_data": {"user_id": "7.12.1"}}, "7.12.1"),
        ({"user_id": "ann@example.com"}, None),
        ({"conversation_initiation_client_data": "odd"}, None),
        ({}, None),
    ],
)
def test_the_attempt_is_ours_or_none(fields: dict[str, object], attempt: str | None) -> None:
    assert Conversation.model_validate({"conversation_id": "c", **fields}).attempt == attempt
