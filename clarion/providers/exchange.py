"""HTTP with one provider: one connection pool, real timeouts, no retries, and failures in our words.

Only failures of the way there and back are told here; what a status means is the vendor's own table.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from clarion.domain.errors import BadInput
from clarion.providers.ports import AccountBroken, OutcomeUnknown, Unavailable

CONNECTIONS = 500
"""Requests under way at once; a request that finds no free connection waits as if it were connecting."""
LONGEST_CONNECT = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    text: str
    headers: Mapping[str, str]


class Exchange:
    """Sends requests to one account's provider, each once. Build it inside a running event loop.

    aiohttp alone repeats a GET whose reused connection turns out to be closed; it never repeats a POST.
    """

    def __init__(self, vendor: str, base: str, *, user: str, password: str, timeout: float) -> None:
        self._vendor = vendor
        self._base = base
        self._timeout = timeout
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._session = aiohttp.ClientSession(
            # aiohttp rounds timeouts above this threshold up to whole seconds
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, timeout_ceil_threshold=math.inf),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(LONGEST_CONNECT, timeout / 2)),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send one request and read the whole answer.

        Raises Unavailable, OutcomeUnknown or AccountBroken, without a cause: aiohttp's texts name the whole address,
        phone number included.
        """
        if self._session.closed:
            raise Unavailable(f"The connection to {self._vendor} is closed: this process is ending.")
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=body,
                headers={**headers, "Authorization": self._authorization},
                allow_redirects=False,
            ) as answer:
                return Answer(answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers)
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable(f"{self._vendor} cannot be reached at {self._base}: no connection in time.") from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            raise Unavailable(f"{self._vendor} cannot be reached at {self._base}: {reason}.") from None
        except aiohttp.InvalidURL:
            raise AccountBroken(f'The account\'s base_url "{self._base}" is not an address; correct it.') from None
        except TimeoutError:
            raise OutcomeUnknown(f"{self._vendor} did not answer within {self._timeout:g} seconds.") from None
        except (aiohttp.ClientError, OSError):
            raise OutcomeUnknown(f"The connection to {self._vendor} broke before its answer was complete.") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def checked_base(base_url: str, example: str) -> str:
    """Return an account's base_url without a slash at its end. Raises BadInput when it is not an address."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput(f'base_url "{base_url}" of the account is not an address such as {example}.')
    return base_url.rstrip("/")


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
