"""What vouches for Exotel's status callbacks, and what is read of them."""

from __future__ import annotations

import json

import pytest

from clarion.domain.errors import BadInput
from clarion.providers.exotel_webhooks import ExotelCalls
from clarion.providers.ports import CallReceipt, Webhook

READER = ExotelCalls("s3cret/ü")
TERMINAL = {"CallSid": "c1", "EventType": "terminal", "Status": "completed", "CustomField": "7.12.1", "Legs": [{}]}


def at(path: str) -> Webhook:
    return Webhook(f"https://example.com/webhooks/exotel/main/{path}", {}, b"{}")


def test_the_secret_in_the_address_vouches_for_a_callback() -> None:
    assert READER.verify(at("s3cret%2F%C3%BC/call"), 0.0)
    assert READER.verify(at("s3cret%2f%c3%bc/call?attempt=7.12.1"), 0.0)


@pytest.mark.parametrize(
    "path",
    ["call", "/call", "guess/call", "s3cret/call", "s3cret%2F%C3%BC/status", "call?x=s3cret%2F%C3%BC/call", "%ff/call"],
)
def test_any_other_address_is_not_believed(path: str) -> None:
    assert not READER.verify(at(path), 0.0)


@pytest.mark.parametrize("url", ["https://example.com//call", "call", "", "https://[broken/s3cret/call"])
def test_without_a_secret_nothing_is_believed(url: str) -> None:
    assert not ExotelCalls("").verify(Webhook(url, {}, b""), 0.0)


@pytest.mark.parametrize(
    ("payload", "attempt", "expected"),
    [
        (json.dumps(TERMINAL), "7.12.1", "7.12.1"),
        (json.dumps(TERMINAL), None, "7.12.1"),
        (json.dumps({"CallSid": "c1", "Status": "busy", "CustomField": None}), "7.12.1", "7.12.1"),
        (json.dumps({"CallSid": "c1"}), None, None),
        ("CallSid=c1&CustomField=7.12.1&Status=busy", None, "7.12.1"),
        ("CallSid=c1&CallSid=c2&CustomField=", None, None),
    ],
)
def test_a_callback_is_a_hint_to_ask(payload: str, attempt: str | None, expected: str | None) -> None:
    assert READER.receipt(payload, attempt) == CallReceipt(expected, "c1", None)


@pytest.mark.parametrize(
    "payload", ["", "{", "[]", "{}", '{"CallSid": 1}', '{"a":' * 20_000, "Status=busy", "a=1&" * 501]
)
def test_what_is_no_callback_about_a_call_is_refused(payload: str) -> None:
    with pytest.raises(BadInput, match="status callback of Exotel"):
        READER.receipt(payload, None)
