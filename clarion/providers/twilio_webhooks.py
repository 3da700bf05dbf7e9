"""Twilio's webhooks for messages: their addresses, their signature, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from twilio.request_validator import RequestValidator

from clarion.domain.errors import BadInput
from clarion.providers.ports import InboundKind, InboundText, ReceiptReader, StatusReceipt
from clarion.providers.twilio_statuses import RANKS, verdict_on

SIGNATURE_HEADER = "X-Twilio-Signature"

STOP_WORDS = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE", "STOP ALL", "OPT OUT", "OPT-OUT"}
)
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
MOST_CODE_DIGITS = 9
PUNCTUATION = " \t\r\n.!?,;:'\"()’”“"


def status_callback(public_url: str, account: str) -> str:
    """Return the address for the status receipts of an account's messages."""
    return f"{public_url.rstrip('/')}/webhooks/twilio/{quote(account, safe='')}/status"


def inbound_callback(public_url: str, account: str) -> str:
    """Return the address to enter at Twilio for incoming texts."""
    return f"{public_url.rstrip('/')}/webhooks/twilio/{quote(account, safe='')}/inbound"


class TwilioReceipts(ReceiptReader):
    """Reads the webhooks that Twilio signs with one account's auth token."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def verify(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether Twilio really sent this to the public ``url``, query included.

        A form in which fields repeat is given as a multi-mapping with ``getlist``.
        """
        return bool(self._validator.validate(url, form, signature))

    def status(self, form: Mapping[str, str], attempt: str | None) -> StatusReceipt:
        """Read a status callback. Raises BadInput when the form is not one."""
        reference = form.get("MessageSid") or form.get("SmsSid")
        status = form.get("MessageStatus") or form.get("SmsStatus")
        if not reference or not status:
            raise BadInput("A status callback of Twilio has MessageSid and MessageStatus; this form has not.")
        return StatusReceipt(
            attempt=attempt,
            provider_reference=reference,
            provider_status=status,
            rank=RANKS.get(status, 0),
            verdict=verdict_on(status, _error_code(form.get("ErrorCode")), reference),
        )

    def inbound(self, form: Mapping[str, str]) -> InboundText:
        """Read an inbound text. Raises BadInput when the form is not one."""
        reference = form.get("MessageSid") or form.get("SmsSid")
        sender, recipient = form.get("From"), form.get("To")
        if not reference or not sender or not recipient:
            raise BadInput("An inbound text of Twilio has MessageSid, From and To; this form has not.")
        body = form.get("Body", "")
        return InboundText(reference, sender, recipient, body, _kind(form.get("OptOutType"), body))


def _error_code(text: str | None) -> int | None:
    digits = (text or "").strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > MOST_CODE_DIGITS:
        return None
    return int(digits) or None


def _kind(opt_out_type: str | None, body: str) -> InboundKind:
    """Twilio's own word counts first; it knows the keywords of a messaging service in any language.

    A stop is honoured with punctuation around it; to lift one takes exactly the word, as at Twilio.
    """
    try:
        return InboundKind((opt_out_type or "").strip().lower())
    except ValueError:
        word = body.strip().upper()
    if word.strip(PUNCTUATION) in STOP_WORDS:
        return InboundKind.STOP
    if word in START_WORDS:
        return InboundKind.START
    return InboundKind.HELP if word.strip(PUNCTUATION) in HELP_WORDS else InboundKind.TEXT
