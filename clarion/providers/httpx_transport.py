"""The HTTP side of SDKs that are built on httpx: their requests over aiohttp, with failures in our words.

It takes the place of httpx's own pool, which costs several times the processor time at 50 requests at once, and of the
httpx-aiohttp package, which reports a connection that breaks after the request has left as one that was never made: a
person could be called twice over it. An SDK goes on building requests and reading answers.
"""

from __future__ import annotations

import math
from typing import NoReturn

import aiohttp
import httpx

from clarion.providers.exchange import CONNECTIONS, LONGEST_CONNECT
from clarion.providers.ports import AccountBroken, OutcomeUnknown, Unavailable


def http_client(vendor: str, base_url: str, timeout: float) -> httpx.AsyncClient:
    """Return a client for an SDK. Build it inside a running event loop; the environment does not change its ways."""
    return httpx.AsyncClient(
        transport=AiohttpTransport(vendor, base_url, timeout), timeout=timeout, trust_env=False, follow_redirects=False
    )


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends each request once and gives it up after ``timeout`` seconds, whatever the SDK would like."""

    def __init__(self, vendor: str, base_url: str, timeout: float) -> None:
        self._vendor = vendor
        self._base = base_url
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            # aiohttp rounds timeouts above this threshold up to whole seconds
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, timeout_ceil_threshold=math.inf),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(LONGEST_CONNECT, timeout / 2)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # httpx does that
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return whatever is answered, complete.

        Raises Unavailable, OutcomeUnknown or AccountBroken.
        """
        if self._session.closed:
            raise Unavailable(f"The connection to {self._vendor} is closed: this process is ending.")
        try:
            async with self._session.request(
                request.method,
                str(request.url),
                data=request.content or None,
                headers=request.headers.multi_items(),
                allow_redirects=False,
            ) as answer:
                return httpx.Response(
                    answer.status, headers=answer.raw_headers, content=await answer.read(), request=request
                )
        except (aiohttp.ClientError, httpx.DecodingError, OSError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        """Raise without a cause: aiohttp's texts name the whole address, which may hold personal data."""
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            raise Unavailable(f"{self._vendor} cannot be reached at {self._base}: no connection in time.") from None
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = error.os_error.strerror or error.os_error
            raise Unavailable(f"{self._vendor} cannot be reached at {self._base}: {reason}.") from None
        if isinstance(error, aiohttp.InvalidURL):
            raise AccountBroken(f'The account\'s base_url "{self._base}" is not an address; correct it.') from None
        if isinstance(error, TimeoutError):
            raise OutcomeUnknown(f"{self._vendor} did not answer within {self._timeout:g} seconds.") from None
        raise OutcomeUnknown(f"The connection to {self._vendor} broke before its answer was complete.") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()
