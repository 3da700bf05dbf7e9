"""What follows from Twilio's statuses of a call, and from its webhooks."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from clarion.domain.call import AnsweredBy, CallWord, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import CallReceipt, Webhook
from clarion.providers.twilio_call_statuses import ENDS, STAGES, Said, word_on
from clarion.providers.twilio_call_webhooks import TwilioCalls

READER = TwilioCalls("12345")
URL = "https://example.com/webhooks/twilio/main/call?attempt=7.12.1"


def body(**fields: str) -> str:
    return urlencode({"CallSid": "CA1", **fields})


def read(**fields: str) -> CallReceipt:
    receipt = READER.receipt(body(**fields), "7.12.1")
    assert receipt is not None
    assert (receipt.attempt, receipt.provider_reference) == ("7.12.1", "CA1")
    return receipt


def word(**fields: str) -> CallWord:
    word = read(**fields).word
    assert word is not None
    assert word.verdict.provider_reference == "CA1"
    return word


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("queued", Stage.PLACED),
        ("initiated", Stage.PLACED),
        ("ringing", Stage.RINGING),
        ("in-progress", Stage.ANSWERED),
        ("something new", Stage.PLACED),
    ],
)
def test_a_call_under_way_is_placed(status: str, stage: Stage) -> None:
    said = word(CallStatus=status)
    assert (said.verdict.outcome, said.verdict.final, said.verdict.provider_status) == (Outcome.PLACED, False, status)
    assert (said.facts.stage, said.facts.duration, said.facts.disconnection_reason) == (stage, None, None)


@pytest.mark.parametrize(
    ("status", "answered_by", "outcome", "retryable", "succeeded", "who"),
    [
        ("completed", None, Outcome.ANSWERED, False, False, None),
        ("completed", "human", Outcome.ANSWERED, False, False, AnsweredBy.HUMAN),
        ("completed", "unknown", Outcome.ANSWERED, False, False, AnsweredBy.UNKNOWN),
        ("completed", "machine_start", Outcome.VOICEMAIL, True, False, AnsweredBy.MACHINE),
        ("completed", "machine_end_beep", Outcome.VOICEMAIL, True, True, AnsweredBy.MACHINE),
        ("completed", "machine_end_silence", Outcome.VOICEMAIL, True, True, AnsweredBy.MACHINE),
        ("completed", "machine_end_other", Outcome.VOICEMAIL, True, True, AnsweredBy.MACHINE),
        ("completed", "fax", Outcome.FAILED, False, False, AnsweredBy.MACHINE),
        ("busy", None, Outcome.BUSY, True, False, None),
        ("no-answer", None, Outcome.NO_ANSWER, True, False, None),
        ("canceled", None, Outcome.CANCELLED, False, False, None),
        ("failed", None, Outcome.FAILED, True, False, None),
    ],
)
def test_an_end_says_who_was_reached_and_whether_another_try_can_help(
    status: str, answered_by: str | None, outcome: Outcome, retryable: bool, succeeded: bool, who: AnsweredBy | None
) -> None:
    said = word_on(Said("CA1", status, answered_by=answered_by, duration="7"))
    verdict = said.verdict
    assert (verdict.outcome, verdict.final, verdict.provider_status) == (outcome, True, status)
    assert (verdict.retryable, verdict.succeeded) == (retryable, succeeded)
    assert (said.facts.stage, said.facts.answered_by) == (Stage.ENDED, who)
    assert said.facts.duration == (7.0 if status == "completed" else None)
    assert (said.facts.disconnection_reason is None) == (status == "completed")


@pytest.mark.parametrize(
    ("sip", "outcome", "retryable"),
    [
        ("404", Outcome.FAILED, True),
        ("484", Outcome.FAILED, True),
        ("604", Outcome.FAILED, True),
        ("480", Outcome.NO_ANSWER, True),
        ("487", Outcome.NO_ANSWER, True),
        ("408", Outcome.NO_ANSWER, True),
        ("486", Outcome.BUSY, True),
        ("600", Outcome.BUSY, True),
        ("603", Outcome.BUSY, True),
        ("403", Outcome.FAILED, False),
        ("607", Outcome.FAILED, False),
        ("608", Outcome.FAILED, False),
        ("503", Outcome.FAILED, True),
        ("", Outcome.FAILED, True),
        ("4o4", Outcome.FAILED, True),
    ],
)
def test_a_failed_call_is_explained_by_its_sip_code(sip: str, outcome: Outcome, retryable: bool) -> None:
    said = word(CallStatus="failed", SipResponseCode=sip)
    assert (said.verdict.outcome, said.verdict.final, said.verdict.retryable) == (outcome, True, retryable)
    known = sip.isdigit()
    assert said.verdict.provider_code == (sip if known else None)
    assert said.facts.disconnection_reason == (f"failed (SIP {sip})" if known else "failed")


@pytest.mark.parametrize(
    ("code", "outcome", "retryable", "at_least", "account_fault"),
    [
        ("13224", Outcome.INVALID_NUMBER, False, 0.0, False),
        ("13227", Outcome.FAILED, False, 0.0, False),
        ("13214", Outcome.FAILED, True, 0.0, True),
        ("10005", Outcome.FAILED, True, 0.0, True),
        ("10004", Outcome.FAILED, True, 0.0, False),
        ("63038", Outcome.FAILED, True, 3600.0, False),
        ("20500", Outcome.FAILED, True, 0.0, False),
        ("99999", Outcome.FAILED, True, 0.0, False),
    ],
)
def test_an_error_code_says_more_than_a_sip_code(
    code: str, outcome: Outcome, retryable: bool, at_least: float, account_fault: bool
) -> None:
    verdict = word(CallStatus="failed", ErrorCode=code, SipResponseCode="486").verdict
    assert (verdict.outcome, verdict.retryable, verdict.at_least) == (outcome, retryable, at_least)
    assert (verdict.account_fault, verdict.provider_code) == (account_fault, code)
    assert verdict.detail


def test_a_sip_code_changes_no_end_that_twilio_names() -> None:
    said = word(CallStatus="no-answer", SipResponseCode="404")
    assert (said.verdict.outcome, said.verdict.provider_code) == (Outcome.NO_ANSWER, "404")
    assert said.facts.disconnection_reason == "no-answer (SIP 404)"


def test_every_end_has_a_stage() -> None:
    assert {status for status, stage in STAGES.items() if stage is Stage.ENDED} == {*ENDS, "failed"}


@pytest.mark.parametrize(
    ("price", "cost"),
    [("-0.01400", 0.014), ("0", 0.0), ("0.5", 0.5), (None, None), ("", None), ("free", None), ("nan", None)],
)
def test_a_price_is_what_it_costs_us(price: str | None, cost: float | None) -> None:
    assert word_on(Said("CA1", "completed", price=price)).facts.cost == cost


def test_a_callback_brings_duration_and_recording() -> None:
    facts = word(
        CallStatus="completed", CallDuration="31", Duration="1", AnsweredBy="human", RecordingUrl="https://x/RE1"
    ).facts
    assert (facts.duration, facts.recording_url, facts.answered_by) == (31.0, "https://x/RE1", AnsweredBy.HUMAN)
    assert word(CallStatus="completed").facts.recording_url is None


@pytest.mark.parametrize(
    ("says", "who"),
    [
        ("machine_start", AnsweredBy.MACHINE),
        ("fax", AnsweredBy.MACHINE),
        ("human", AnsweredBy.HUMAN),
        ("unknown", AnsweredBy.UNKNOWN),
        ("somebody", None),
    ],
)
def test_detection_tells_who_answered_and_ends_nothing(says: str, who: AnsweredBy | None) -> None:
    said = word(AnsweredBy=says, MachineDetectionDuration="3200")
    assert (said.verdict.outcome, said.verdict.final) == (Outcome.PLACED, False)
    assert (said.facts.stage, said.facts.answered_by) == (Stage.ANSWERED, who)


def test_of_a_repeated_field_the_first_value_counts() -> None:
    receipt = READER.receipt("CallSid=CA1&CallSid=CA2&CallStatus=busy&CallStatus=failed", None)
    assert receipt is not None
    assert receipt.word is not None
    assert (receipt.provider_reference, receipt.word.verdict.outcome) == ("CA1", Outcome.BUSY)


def test_what_says_nothing_of_a_calls_life_is_passed_over() -> None:
    assert READER.receipt(body(RecordingSid="RE1", RecordingStatus="completed"), None) is None


@pytest.mark.parametrize(
    "payload", ["", "{}", "MessageSid=SM1&MessageStatus=sent", "CallSid=&CallStatus=busy", "a=1&" * 501]
)
def test_what_is_no_webhook_about_a_call_is_refused(payload: str) -> None:
    with pytest.raises(BadInput, match="webhook of Twilio"):
        READER.receipt(payload, None)


def signed(form: dict[str, str]) -> Webhook:
    signature = RequestValidator("12345").compute_signature(URL, form)
    return Webhook(URL, {"x-twilio-signature": signature}, urlencode(form).encode())


def test_twilios_own_example_is_genuine() -> None:
    payload = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"
    headers = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    webhook = Webhook("https://mycompany.com/myapp.php?foo=1&bar=2", headers, payload.encode())
    assert READER.verify(webhook, 0.0)
    assert not TwilioCalls("54321").verify(webhook, 0.0)


def test_the_whole_body_and_address_are_signed() -> None:
    genuine = signed({"CallSid": "CA1", "CallStatus": "busy", "ErrorCode": ""})
    assert READER.verify(genuine, 0.0)
    for url, text in (
        (URL.replace("7.12.1", "7.13.1"), genuine.body),
        (URL, genuine.body.replace(b"busy", b"completed")),
        (URL, genuine.body.replace(b"&ErrorCode=", b"")),
        (URL, genuine.body + b"&CallStatus=completed"),
        ("https://[broken/", genuine.body),
        (URL, b"a=1&" * 501),
    ):
        assert not READER.verify(Webhook(url, genuine.headers, text), 0.0)
    assert not READER.verify(Webhook(URL, {}, genuine.body), 0.0)


def test_a_repeated_field_is_signed_with_all_its_values() -> None:
    payload = "CallSid=CA1&Tag=b&Tag=a"
    signature = RequestValidator("12345").compute_signature(URL + "CallSidCA1TagaTagb", {})
    assert READER.verify(Webhook(URL, {"x-twilio-signature": signature}, payload.encode()), 0.0)
