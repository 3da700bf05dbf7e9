"""The HTTP side of the Twilio SDK: one connection pool, real timeouts, no retries, and failures in our words.

It takes the place of the SDK's own asynchronous client, which ignores its timeout, keeps answers' headers from its
caller and reports a failed page without its code. The SDK goes on building requests and reading answers.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.http.response import Response

from clarion.domain.errors import BadInput
from clarion.providers.ports import AccountBroken, OutcomeUnknown, Unavailable
from clarion.providers.twilio_errors import refusal

API = "https://api.twilio.com"
CONNECTIONS = 500
"""Requests under way at once; a request that finds no free connection waits as if it were connecting."""
LONGEST_CONNECT = 5.0
"""Seconds."""
LEAST_ERROR_CODE = 1000
"""Twilio's codes have five digits; the SDK and some gateways put the HTTP status in their place."""
MOST_CODE_DIGITS = 9


class TwilioTransport:
    """Sends the SDK's requests. Build it inside a running event loop."""

    is_async = True
    """The SDK asks for this."""

    def __init__(self, sid: str, token: str, *, base_url: str | None, timeout: float) -> None:
        self._base = _checked(base_url or API)
        self._timeout = timeout
        self._authorization = "Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode()
        self._session = aiohttp.ClientSession(
            # aiohttp rounds timeouts above this threshold up to whole seconds
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, timeout_ceil_threshold=math.inf),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(LONGEST_CONNECT, timeout / 2)),
            cookie_jar=aiohttp.DummyCookieJar(),
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
        address = self._base + url.removeprefix(API)
        if params:
            address += ("&" if "?" in address else "?") + urlencode(params, doseq=True)
        body = urlencode(data, doseq=True).encode() if data else None
        status, text, answered = await self._exchange(method, address, body, headers or {})
        if not 200 <= status < 300:
            code, vendor_text = read_error(text)
            retry_after = read_retry_after(answered.get("Retry-After"), time.time())
            raise refusal(code, status, retry_after=retry_after, vendor_text=vendor_text)
        return Response(status, text, answered)

    async def _exchange(
        self, method: str, address: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str, Mapping[str, str]]:
        """Raise without a cause: aiohttp's texts name the whole address, phone number included."""
        if self._session.closed:
            raise Unavailable("The connection to Twilio is closed: this process is ending.")
        try:
            async with self._session.request(
                method,
                address,
                data=body,
                headers={**headers, "Authorization": self._authorization},
                allow_redirects=False,
            ) as answer:
                return answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable(f"Twilio cannot be reached at {self._base}: no connection in time.") from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            raise Unavailable(f"Twilio cannot be reached at {self._base}: {reason}.") from None
        except aiohttp.InvalidURL:
            raise AccountBroken(f'The account\'s base_url "{self._base}" is not an address; correct it.') from None
        except TimeoutError:
            raise OutcomeUnknown(f"Twilio did not answer within {self._timeout:g} seconds.") from None
        except (aiohttp.ClientError, OSError):
            raise OutcomeUnknown("The connection to Twilio broke before its answer was complete.") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput(f'base_url "{base_url}" of the account is not an address such as {API}.')
    return base_url.rstrip("/")


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


def read_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for, in seconds or as a date; None where it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except ValueError:
            return None
    return seconds if 0 < seconds < math.inf else None
