"""Exotel's status callbacks: unsigned, so a secret in their address vouches for them, and facts are fetched anew."""

from __future__ import annotations

import hmac
import json
from urllib.parse import parse_qsl, unquote, urlsplit

from clarion.domain.errors import BadInput
from clarion.providers.ports import CallReader, CallReceipt, Webhook

MOST_FIELDS = 500
LAST_SEGMENT = "call"


class ExotelCalls(CallReader):
    """Reads the status callbacks of one account, whose addresses hold its secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def verify(self, webhook: Webhook, now: float) -> bool:
        """Whether the address holds the secret, as its segment before the last; without one nothing is believed."""
        del now  # the address is the same at any time
        try:
            *_, secret, last = urlsplit(webhook.url).path.split("/")
        except ValueError:
            return False
        given = unquote(secret).encode("utf-8", "replace")
        return bool(self._secret) and last == LAST_SEGMENT and hmac.compare_digest(given, self._secret)

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        """Read a stored body, JSON or a form: a hint that something happened to a call, which has to be asked for.

        ``attempt`` is what its address carried; Exotel hands our id back in CustomField only with some calls. Raises
        BadInput when it is not a webhook about a call.
        """
        fields = _fields(payload)
        reference = fields.get("CallSid")
        if not reference:
            raise BadInput("A status callback of Exotel has CallSid; this body has not.")
        return CallReceipt(attempt or fields.get("CustomField") or None, reference, None)


def _fields(payload: str) -> dict[str, str]:
    """Return the fields that hold texts."""
    try:
        if payload.lstrip().startswith("{"):
            body = json.loads(payload)
            return {name: value for name, value in body.items() if isinstance(value, str)}
        return dict(reversed(parse_qsl(payload, keep_blank_values=True, max_num_fields=MOST_FIELDS)))
    except (ValueError, RecursionError):
        raise BadInput("A status callback of Exotel is a JSON object or a form; this body is neither.") from None
