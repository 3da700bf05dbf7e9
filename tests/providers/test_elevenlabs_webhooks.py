"""Who really sent ElevenLabs' webhooks, and what they say."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
from elevenlabs.client import ElevenLabs

from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs_webhooks import ElevenLabsCalls
from clarion.providers.ports import Webhook

SECRET = "wsec_1"
NOW = 1_800_000_000.0
BODY = json.dumps({"type": "post_call_transcription", "data": {"note": "Größe \N{SLIGHTLY SMILING FACE}"}})
READER = ElevenLabsCalls(SECRET)


def signed(body: str = BODY, *, secret: str = SECRET, at: float = NOW) -> str:
    digest = hmac.new(secret.encode(), f"{int(at)}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={int(at)},v0={digest}"


def webhook(signature: str, body: str = BODY) -> Webhook:
    return Webhook("https://example.com/x", {"elevenlabs-signature": signature}, body.encode())


def test_our_way_of_signing_is_the_sdks() -> None:
    now = time.time()
    event = ElevenLabs(api_key="x").webhooks.construct_event(BODY, signed(at=now), SECRET)
    assert event["type"] == "post_call_transcription"
    assert READER.verify(webhook(signed(at=now)), now)


@pytest.mark.parametrize(
    ("signature", "late"),
    [
        (signed(), 0.0),
        (signed(), 1799.0),
        (signed(), -1799.0),
        (signed().replace(",", ", "), 0.0),
        (signed().replace(",", f",v0={'0' * 64},"), 0.0),
    ],
)
def test_accepts_what_elevenlabs_signed(signature: str, late: float) -> None:
    assert READER.verify(webhook(signature), NOW + late)


@pytest.mark.parametrize(
    "webhook",
    [
        webhook(signed(secret="wsec_2")),
        webhook(signed(), BODY + " "),
        webhook(signed(at=NOW - 1801)),
        webhook(signed(at=NOW + 1801)),
        webhook(signed().replace("v0=", "v1=")),
        webhook(signed() + f",t={int(NOW) + 1}"),
        webhook(f"t={int(NOW)},v0={'0' * 64}"),
        webhook(f"t={int(NOW)}"),
        webhook("t=now,v0=\N{SNOWMAN}"),
        webhook(""),
        Webhook("https://example.com", {}, BODY.encode()),
    ],
)
def test_refuses_what_elevenlabs_did_not_sign(webhook: Webhook) -> None:
    assert not READER.verify(webhook, NOW)


def test_without_a_secret_nothing_is_believed() -> None:
    assert not ElevenLabsCalls("").verify(webhook(signed(secret="")), NOW)


def body(kind: str, **data: object) -> str:
    return json.dumps({"type": kind, "event_timestamp": 1, "data": {"conversation_id": "conv_1", **data}})


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"status": "done", "metadata": {"phone_call": {"call_result": "voicemail"}}}, Outcome.VOICEMAIL),
        ({"status": "failed", "metadata": {"phone_call": {"call_result": "busy"}}}, Outcome.BUSY),
        ({}, Outcome.ANSWERED),
    ],
)
def test_reads_how_a_call_came_out(data: dict[str, object], outcome: Outcome) -> None:
    told = body("post_call_transcription", conversation_initiation_client_data={"user_id": "7.12.1"}, **data)
    receipt = READER.receipt(told, None)
    assert receipt is not None
    assert (receipt.attempt, receipt.provider_reference) == ("7.12.1", "conv_1")
    assert receipt.word is not None
    assert (receipt.word.verdict.outcome, receipt.word.verdict.final) == (outcome, True)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"failure_reason": "busy"}, Outcome.BUSY),
        ({"failure_reason": "no-answer"}, Outcome.NO_ANSWER),
        ({"failure_reason": "unknown"}, Outcome.FAILED),
        (
            {"failure_reason": "unknown", "metadata": {"type": "twilio", "body": {"CallStatus": "busy"}}},
            Outcome.BUSY,
        ),
        ({"failure_reason": "unknown", "metadata": {"type": "sip", "body": {"sip": 486}}}, Outcome.FAILED),
        ({}, Outcome.FAILED),
    ],
)
def test_reads_why_a_call_never_began(data: dict[str, object], outcome: Outcome) -> None:
    receipt = READER.receipt(body("call_initiation_failure", **data), None)
    assert receipt is not None
    assert (receipt.attempt, receipt.provider_reference) == (None, "conv_1")
    assert receipt.word is not None
    assert (receipt.word.verdict.outcome, receipt.word.facts.stage) == (outcome, Stage.ENDED)


@pytest.mark.parametrize(
    ("data", "answered_by"),
    [
        ({"answered_by": "machine_start"}, AnsweredBy.MACHINE),
        ({"answered_by": "human", "user_id": "7.12.1"}, AnsweredBy.HUMAN),
        ({"metadata": {"body": {"AnsweredBy": "fax"}}}, AnsweredBy.MACHINE),
    ],
)
def test_reads_who_answered_and_decides_nothing_over_it(data: dict[str, object], answered_by: AnsweredBy) -> None:
    receipt = READER.receipt(body("answering_machine_detection", **data), None)
    assert receipt is not None
    assert receipt.word is not None
    assert receipt.word.facts.answered_by is answered_by
    assert (receipt.word.verdict.outcome, receipt.word.verdict.final) == (Outcome.PLACED, False)


def test_a_detection_without_a_known_word_is_a_hint() -> None:
    receipt = READER.receipt(body("answering_machine_detection", verdict={"odd": 1}), "7.12.1")
    assert receipt is not None
    assert (receipt.attempt, receipt.word) == ("7.12.1", None)


@pytest.mark.parametrize("kind", ["post_call_audio", "voice_removal_notice"])
def test_what_is_no_news_of_a_calls_life_says_nothing(kind: str) -> None:
    assert READER.receipt(body(kind, full_audio="AAAA"), None) is None


@pytest.mark.parametrize(
    "told",
    ["", "nonsense", "[]", "{}", '{"type": 1}', '{"type": "post_call_transcription"}']
    + [json.dumps({"type": kind, "data": {}}) for kind in ("call_initiation_failure", "answering_machine_detection")],
)
def test_a_body_that_is_no_webhook_is_refused(told: str) -> None:
    with pytest.raises(BadInput, match="ElevenLabs"):
        READER.receipt(told, None)
