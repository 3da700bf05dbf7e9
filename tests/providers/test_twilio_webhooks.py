"""What Twilio's webhooks say, and who really sent them."""

from __future__ import annotations

import pytest
from starlette.datastructures import ImmutableMultiDict

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import InboundKind
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio_webhooks import TwilioReceipts, inbound_callback, status_callback

DOCUMENTED_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
DOCUMENTED_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
DOCUMENTED_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="

READER = TwilioReceipts("12345")


def test_accepts_the_signature_that_twilio_documents() -> None:
    assert READER.verify(DOCUMENTED_URL, DOCUMENTED_FORM, DOCUMENTED_SIGNATURE)
    assert READER.verify(DOCUMENTED_URL, ImmutableMultiDict(DOCUMENTED_FORM), DOCUMENTED_SIGNATURE)


@pytest.mark.parametrize(
    ("token", "url", "form", "signature"),
    [
        ("12346", DOCUMENTED_URL, DOCUMENTED_FORM, DOCUMENTED_SIGNATURE),
        ("12345", DOCUMENTED_URL + "&x=1", DOCUMENTED_FORM, DOCUMENTED_SIGNATURE),
        ("12345", DOCUMENTED_URL, {**DOCUMENTED_FORM, "Digits": "1235"}, DOCUMENTED_SIGNATURE),
        ("12345", DOCUMENTED_URL, {**DOCUMENTED_FORM, "Extra": ""}, DOCUMENTED_SIGNATURE),
        ("12345", DOCUMENTED_URL, DOCUMENTED_FORM, DOCUMENTED_SIGNATURE.lower()),
        ("12345", DOCUMENTED_URL, DOCUMENTED_FORM, ""),
        ("12345", DOCUMENTED_URL, DOCUMENTED_FORM, "\N{SNOWMAN}" * 28),
    ],
)
def test_refuses_what_twilio_did_not_sign(token: str, url: str, form: dict[str, str], signature: str) -> None:
    assert not TwilioReceipts(token).verify(url, form, signature)


def test_a_second_value_of_a_field_breaks_the_signature() -> None:
    doubled = ImmutableMultiDict([*DOCUMENTED_FORM.items(), ("Digits", "9")])
    assert not READER.verify(DOCUMENTED_URL, doubled, DOCUMENTED_SIGNATURE)


def test_reads_a_status() -> None:
    receipt = READER.status({"MessageSid": "SM1", "MessageStatus": "delivered"}, "7.12.1")
    assert (receipt.attempt, receipt.provider_reference, receipt.provider_status) == ("7.12.1", "SM1", "delivered")
    assert receipt.rank == 4
    assert receipt.verdict is not None
    assert receipt.verdict.outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("error_code", "expected"),
    [("30005", "30005"), ("", None), ("0", None), ("x", None), ("9" * 4000, None), ("\N{SUPERSCRIPT TWO}", None)],
)
def test_reads_why_a_message_did_not_arrive(error_code: str, expected: str | None) -> None:
    form = {"SmsSid": "SM1", "SmsStatus": "undelivered", "ErrorCode": error_code}
    verdict = READER.status(form, None).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.provider_code) == (Outcome.UNDELIVERED, expected)


def test_a_status_of_tomorrow_is_progress_only() -> None:
    receipt = READER.status({"MessageSid": "SM1", "MessageStatus": "teleporting"}, None)
    assert (receipt.rank, receipt.verdict) == (0, None)


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {"MessageSid": "", "x": "y"}])
def test_a_form_that_is_no_status_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="MessageSid"):
        READER.status(form, None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((word, InboundKind.STOP) for word in ("STOP", "StopAll", "unsubscribe", "CANCEL", "end", "Quit")),
        *((word, InboundKind.STOP) for word in ("OPTOUT", "revoke", " stop \n", "Stop!", "STOP.", "opt out")),
        *((word, InboundKind.START) for word in ("START", "yes", " Unstop ")),
        *((word, InboundKind.HELP) for word in ("HELP", "info?")),
        *(
            (word, InboundKind.TEXT)
            for word in ("", "STOP PLEASE", "please cancel", "Yes!", "startup", "the end", "...")
        ),
    ],
)
def test_reads_what_a_person_asks_for(body: str, kind: InboundKind) -> None:
    text = READER.inbound({"MessageSid": "SM1", "From": "+1", "To": "+2", "Body": body})
    assert (text.kind, text.body, text.sender, text.recipient) == (kind, body, "+1", "+2")


@pytest.mark.parametrize(
    ("opt_out_type", "kind"),
    [("STOP", InboundKind.STOP), ("START", InboundKind.START), ("HELP", InboundKind.HELP), ("?", InboundKind.TEXT)],
)
def test_twilios_word_counts_before_the_keywords(opt_out_type: str, kind: InboundKind) -> None:
    form = {"MessageSid": "SM1", "From": "+1", "To": "+2", "Body": "arrêt", "OptOutType": opt_out_type}
    assert READER.inbound(form).kind is kind


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To"])
def test_a_form_that_is_no_text_is_refused(missing: str) -> None:
    form = {"MessageSid": "SM1", "From": "+1", "To": "+2", "Body": "hi"}
    del form[missing]
    with pytest.raises(BadInput, match="MessageSid, From and To"):
        READER.inbound(form)


def test_the_addresses_hold_any_account_name() -> None:
    assert status_callback("https://x.example/base/", "main") == "https://x.example/base/webhooks/twilio/main/status"
    assert inbound_callback("https://x.example", "a b/c") == "https://x.example/webhooks/twilio/a%20b%2Fc/inbound"


def test_a_raw_receipt_gives_its_fields_back() -> None:
    raw = RawReceipt("twilio", "main", "status", "From=%2B1415&Empty=&Body=a%20b%26c+d&From=second", None, 1.0)
    assert raw.form() == {"From": "+1415", "Empty": "", "Body": "a b&c d"}
