"""Twilio's webhooks for calls: their signature, and what call progress and machine detection say."""

from __future__ import annotations

from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from clarion.domain.call import CallFacts, CallWord, Stage
from clarion.domain.errors import BadInput
from clarion.providers.ports import CallReader, CallReceipt, Webhook
from clarion.providers.twilio_call_statuses import ANSWERERS, Said, under_way, word_on
from clarion.providers.twilio_webhooks import SIGNATURE_HEADER

MOST_FIELDS = 500
MOST_CODE_DIGITS = 9


class TwilioCalls(CallReader):
    """Reads the webhooks about calls that Twilio signs with one account's auth token."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def verify(self, webhook: Webhook, now: float) -> bool:
        """Whether Twilio really sent this to its public address; it signs no time, so ``now`` tells nothing."""
        del now
        try:
            pairs = parse_qsl(
                webhook.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
            form = _SignedForm()
            for name, value in pairs:
                form.setdefault(name, []).append(value)
            return bool(self._validator.validate(webhook.url, form, webhook.headers.get(SIGNATURE_HEADER.lower(), "")))
        except ValueError:  # too many fields, or an address that cannot be taken apart: not signed by Twilio
            return False

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        """Read a stored body; ``attempt`` is what its address carried. None: it tells nothing about a call's life.

        Raises BadInput when it is not a webhook about a call.
        """
        try:
            fields = parse_qsl(payload, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise BadInput(f"A webhook of Twilio has at most {MOST_FIELDS} fields.") from None
        form = dict(reversed(fields))  # of a repeated field the first value counts
        reference = form.get("CallSid")
        if not reference:
            raise BadInput("A webhook of Twilio about a call has CallSid; this form has not.")
        word = _word(reference, form)
        return None if word is None else CallReceipt(attempt, reference, word)


class _SignedForm(dict[str, list[str]]):
    """A form with all values of a repeated field, as the SDK's validator asks for them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _word(reference: str, form: dict[str, str]) -> CallWord | None:
    if status := form.get("CallStatus"):
        return word_on(
            Said(
                reference,
                status,
                answered_by=form.get("AnsweredBy"),
                sip_code=_code(form.get("SipResponseCode")),
                error_code=_code(form.get("ErrorCode")),
                duration=form.get("CallDuration"),
                recording_url=form.get("RecordingUrl"),
            )
        )
    if answered_by := form.get("AnsweredBy"):  # of machine detection that ran beside the call
        facts = CallFacts(stage=Stage.ANSWERED, answered_by=ANSWERERS.get(answered_by))
        return CallWord(under_way(reference, None), facts)
    return None


def _code(text: str | None) -> int | None:
    digits = (text or "").strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > MOST_CODE_DIGITS:
        return None
    return int(digits) or None
