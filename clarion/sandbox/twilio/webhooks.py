"""Words the webhooks: status receipts and inbound texts, signed, as forms."""

from __future__ import annotations

import time
import uuid
from urllib.parse import quote_plus, urldefrag

from clarion.sandbox.callbacks import Post
from clarion.sandbox.twilio.messages import API_VERSION, Message
from clarion.sandbox.twilio.signature import sign


def receipt(message: Message, url: str, status: str, token: str) -> Post | None:
    """Tell that a message has reached a status; None when it was canceled before it got there."""
    if message.canceled:
        return None
    form = {
        "AccountSid": message.account.sid,
        "ApiVersion": API_VERSION,
        "From": message.sender,
        "MessageSid": message.sid,
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "To": message.to,
    }
    if message.service:
        form["MessagingServiceSid"] = message.service
    if status in {"failed", "undelivered"}:
        form["ErrorCode"] = str(message.code)
    if status in {"delivered", "undelivered"}:
        form["RawDlrDoneDate"] = time.strftime("%y%m%d%H%M", time.gmtime(message.ends_at))
    return signed(url, form, token)


def inbound(message: Message, url: str, token: str, opt_out_type: str | None) -> Post:
    """Bring us what a person wrote; ``opt_out_type`` as with Twilio's Advanced Opt-Out."""
    form = {
        "AccountSid": message.account.sid,
        "ApiVersion": API_VERSION,
        "Body": message.body,
        "From": message.sender,
        "FromCountry": "US",
        "MessageSid": message.sid,
        "NumMedia": "0",
        "NumSegments": str(message.segments),
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "To": message.to,
        "ToCountry": "US",
    }
    if message.service:
        form["MessagingServiceSid"] = message.service
    if opt_out_type:
        form["OptOutType"] = opt_out_type
    return signed(url, form, token)


def signed(url: str, form: dict[str, str], token: str) -> Post:
    """Make a form post that Twilio's own validator accepts; ``token`` is the account's auth token."""
    # A fragment carries Twilio's connection overrides; it is neither sent nor signed.
    address = urldefrag(url).url
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": sign(token, address, form),
    }
    return Post(address, _encoded(form).encode("ascii"), headers)


def _encoded(form: dict[str, str]) -> str:
    # Most values are plain words and sids; urlencode would spend more on them than the signature costs.
    return "&".join(
        f"{name}={value if value.isascii() and value.isalnum() else quote_plus(value)}" for name, value in form.items()
    )
