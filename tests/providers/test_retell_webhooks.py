"""Who really sent Retell's webhooks, and what they say."""

from __future__ import annotations

import json

import pytest
from retell.lib.webhook_auth import symmetric

from clarion.domain.call import Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import Webhook
from clarion.providers.retell_webhooks import RetellCalls

KEY = "key_1"
NOW = 1_800_000_000.0
BODY = json.dumps({"event": "call_ended", "call": {"call_id": "call_1", "note": "Größe \N{SLIGHTLY SMILING FACE}"}})
READER = RetellCalls(KEY)


def signed(body: str = BODY, *, key: str = KEY, at: float = NOW) -> str:
    """Sign as Retell's own SDK does."""
    return str(symmetric["sign"](body, key, round(at * 1000)))


def webhook(signature: str, body: str = BODY) -> Webhook:
    return Webhook("https://example.com/webhooks/retell/main/call", {"x-retell-signature": signature}, body.encode())


@pytest.mark.parametrize("late", [0.0, 299.0, -299.0])
def test_accepts_what_retell_signed(late: float) -> None:
    assert READER.verify(webhook(signed()), NOW + late)


@pytest.mark.parametrize(
    "webhook",
    [
        webhook(signed(key="key_2")),
        webhook(signed(), BODY + " "),
        webhook(signed(at=NOW - 301)),
        webhook(signed(at=NOW + 301)),
        webhook(signed().replace("d=", "d=0")),
        webhook(signed().upper()),
        webhook(signed() + ","),
        webhook(f"v={round(NOW * 1000)},d={'0' * 64}"),
        webhook("\N{SNOWMAN}"),
        webhook(""),
        Webhook("https://example.com", {}, BODY.encode()),
    ],
)
def test_refuses_what_retell_did_not_sign(webhook: Webhook) -> None:
    assert not READER.verify(webhook, NOW)


def test_a_body_that_is_no_text_is_refused_without_a_word() -> None:
    assert not READER.verify(Webhook("https://example.com", {"x-retell-signature": signed()}, b"\xff\xfe"), NOW)


def body(event: str, **call: object) -> str:
    return json.dumps({"event": event, "call": {"call_id": "call_1", "metadata": {"attempt": "7.12.1"}, **call}})


@pytest.mark.parametrize(
    ("event", "call", "outcome", "stage"),
    [
        ("call_started", {"call_status": "ongoing"}, Outcome.PLACED, Stage.ANSWERED),
        ("call_ended", {"call_status": "ended", "disconnection_reason": "user_hangup"}, Outcome.ANSWERED, Stage.ENDED),
        (
            "call_ended",
            {"call_status": "not_connected", "disconnection_reason": "dial_busy"},
            Outcome.BUSY,
            Stage.ENDED,
        ),
        ("call_analyzed", {"call_status": "ended"}, Outcome.ANSWERED, Stage.ENDED),
    ],
)
def test_reads_a_calls_life(event: str, call: dict[str, str], outcome: Outcome, stage: Stage) -> None:
    receipt = READER.receipt(body(event, **call), None)
    assert receipt is not None
    assert (receipt.attempt, receipt.provider_reference) == ("7.12.1", "call_1")
    assert receipt.word is not None
    assert (receipt.word.verdict.outcome, receipt.word.facts.stage) == (outcome, stage)


def test_without_metadata_the_address_may_name_the_attempt() -> None:
    bare = json.dumps({"event": "call_ended", "call": {"call_id": "call_1", "call_status": "ended"}})
    for attempt in (None, "7.13.1"):
        receipt = READER.receipt(bare, attempt)
        assert receipt is not None
        assert receipt.attempt == attempt


@pytest.mark.parametrize(
    "told",
    [
        body("transcript_updated"),
        body("transfer_started"),
        json.dumps({"event": "chat_started", "chat": {}}),
        body("call_ended", direction="inbound"),
        body("call_ended", call_type="web_call"),
    ],
)
def test_what_is_no_news_of_a_call_we_placed_says_nothing(told: str) -> None:
    assert READER.receipt(told, None) is None


@pytest.mark.parametrize(
    "told", ["", "nonsense", "[]", "{}", '{"event": 1}', '{"event": "call_ended"}', '{"event":"call_ended","call":{}}']
)
def test_a_body_that_is_no_webhook_is_refused(told: str) -> None:
    with pytest.raises(BadInput, match="Retell"):
        READER.receipt(told, None)
