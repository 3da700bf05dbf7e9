"""The HTTP side of the Twilio SDK: our own exchange in place of the SDK's asynchronous client.

The SDK's ignores its timeout, keeps answers' headers from its caller and reports a failed page without its code. The
SDK goes on building requests and reading answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.http.response import Response

from clarion.providers.exchange import Exchange, checked_base, read_retry_after
from clarion.providers.twilio_errors import refusal

API = "https://api.twilio.com"
LEAST_ERROR_CODE = 1000
"""Twilio's codes have five digits; the SDK and some gateways put the HTTP status in their place."""
MOST_CODE_DIGITS = 9


class TwilioTransport:
    """Sends the SDK's requests. Build it inside a running event loop."""

    is_async = True
    """The SDK asks for this."""

    def __init__(self, sid: str, token: str, *, base_url: str | None, timeout: float) -> None:
        self._exchange = Exchange(
            "Twilio", checked_base(base_url or API, API), user=sid, password=token, timeout=timeout
        )

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **_of_the_sdk: object,
    ) -> Response:
        """Send one request, once, and return a 2xx answer.

        Raises RateLimited, Unavailable, OutcomeUnknown, AccountBroken or Rejected for everything else.
        """
        path = url.removeprefix(API)
        if params:
            path += ("&" if "?" in path else "?") + urlencode(params, doseq=True)
        body = urlencode(data, doseq=True).encode() if data else None
        answer = await self._exchange.send(method, path, body, headers or {})
        if not 200 <= answer.status < 300:
            code, vendor_text = read_error(answer.text)
            retry_after = read_retry_after(answer.headers.get("Retry-After"), time.time())
            raise refusal(code, answer.status, retry_after=retry_after, vendor_text=vendor_text)
        return Response(answer.status, answer.text, answer.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()


def read_error(text: str) -> tuple[int | None, str | None]:
    """Return Twilio's error code and its words, of an answer that may be anything."""
    try:
        payload = json.loads(text)
    except ValueError:
        return None, None
    if not isinstance(payload, dict):
        return None, None
    digits, words = str(payload.get("code")), payload.get("message") or payload.get("detail")
    code = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MOST_CODE_DIGITS else 0
    return (code if code >= LEAST_ERROR_CODE else None), (str(words) if words else None)
