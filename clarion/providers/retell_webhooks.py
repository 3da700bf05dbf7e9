"""Retell's webhooks: their signature, and what they say about calls."""

from __future__ import annotations

import hmac
import re

from pydantic import ValidationError

from clarion.domain.errors import BadInput
from clarion.providers.lenient import Read
from clarion.providers.ports import CallReader, CallReceipt, Webhook
from clarion.providers.retell_call import RetellCall

SIGNATURE_HEADER = "x-retell-signature"
SIGNATURE = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")
TOLERANCE = 300.0
"""Seconds by which a signature's time may differ from ours."""

TELLING = frozenset({"call_started", "call_ended", "call_analyzed"})
"""Events that say something about a call's life; all others are chatter on the way."""


class _Event(Read):
    event: str


class _CallEvent(Read):
    call: RetellCall


class RetellCalls(CallReader):
    """Reads the webhooks that Retell signs with one workspace's API key."""

    def __init__(self, api_key: str) -> None:
        self._key = api_key.encode()

    def verify(self, webhook: Webhook, now: float) -> bool:
        """Whether Retell really sent this, at about ``now`` (epoch seconds)."""
        match = SIGNATURE.fullmatch(webhook.headers.get(SIGNATURE_HEADER, ""))
        if match is None or abs(now * 1000 - int(match[1])) > TOLERANCE * 1000:
            return False
        expected = hmac.digest(self._key, webhook.body + match[1].encode(), "sha256").hex()
        return hmac.compare_digest(expected, match[2])

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        """Read a stored body. None: no news of a call we placed. Raises BadInput when it is not Retell's."""
        try:
            if _Event.model_validate_json(payload).event not in TELLING:
                return None
            call = _CallEvent.model_validate_json(payload).call
        except ValidationError:
            raise BadInput("A webhook of Retell has an event and a call with its id; this body has not.") from None
        if call.direction == "inbound" or call.call_type == "web_call":
            return None
        return CallReceipt(attempt=call.attempt or attempt, provider_reference=call.call_id, word=call.word())
