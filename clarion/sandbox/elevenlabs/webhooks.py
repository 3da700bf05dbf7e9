"""Words ElevenLabs' post-call webhooks and signs them (its "Post-call webhooks" page)."""

from __future__ import annotations

import hmac
import json
import time
from email.utils import formatdate

from clarion.sandbox.callbacks import Post
from clarion.sandbox.elevenlabs.conversations import Conversation, Failure
from clarion.sandbox.vendor import Json

TWILIO_ACCOUNT = "AC" + "0" * 32
"""The account the number was imported from; the sandbox does not know which."""


def sign(secret: str, body: bytes, now: int) -> str:
    """Return the ``ElevenLabs-Signature`` of a body posted at ``now`` (epoch seconds)."""
    digest = hmac.digest(secret.encode(), f"{now}.".encode() + body, "sha256").hex()
    return f"t={now},v0={digest}"


def tell(conversation: Conversation, url: str, secret: str) -> Post:
    """Tell how a call came out: a transcription, or that nobody was reached."""
    failure = conversation.failure
    if failure is None:
        kind, data = "post_call_transcription", conversation.view(conversation.analysed_at)
    else:
        kind, data = "call_initiation_failure", _failed(conversation, failure)
    event = {"type": kind, "event_timestamp": int(conversation.analysed_at), "data": data}
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "ElevenLabs-Signature": sign(secret, body, int(time.time()))}
    return Post(url, body, headers, conversation.told)


def _failed(conversation: Conversation, failure: Failure) -> dict[str, Json]:
    number = conversation.agent_number
    return {
        "agent_id": conversation.order.agent_id,
        "conversation_id": conversation.phone.id,
        "failure_reason": failure.reason,
        "metadata": {
            "type": "twilio",
            "body": {
                "AccountSid": TWILIO_ACCOUNT,
                "ApiVersion": "2010-04-01",
                "CallDuration": "0",
                "CallSid": conversation.call_sid,
                "CallStatus": failure.twilio,
                "CallbackSource": "call-progress-events",
                "Called": conversation.order.to_number,
                "Caller": number,
                "Direction": "outbound-api",
                "From": number,
                "SequenceNumber": "0",
                "SipResponseCode": str(failure.code),
                "Timestamp": formatdate(conversation.phone.over_at, localtime=False)[:-5] + "+0000",
                "To": conversation.order.to_number,
            },
        },
    }
