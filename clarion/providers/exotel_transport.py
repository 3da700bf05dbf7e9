"""The HTTP side of Exotel's voice API: requests, lists of calls and refusals in our words."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlencode, urlsplit

from clarion.domain.errors import NotFound
from clarion.providers.exchange import Exchange, checked_base, read_retry_after
from clarion.providers.exotel_errors import read_error, refusal
from clarion.providers.exotel_statuses import text_of
from clarion.providers.ports import OutcomeUnknown, Rejected
from clarion.settings import Account

API = "https://api.exotel.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
PAGE_SIZE = 100
MOST_PAGES = 10
NOT_FOUND = 404


class ExotelTransport:
    """Reaches the calls of one account, each request once. Build it inside a running event loop.

    Every request raises RateLimited, Unavailable, OutcomeUnknown, AccountBroken or Rejected.
    """

    def __init__(self, account: Account) -> None:
        """Raises BadInput when base_url is not an address."""
        base = checked_base(account.base_url or API, API)
        host = urlsplit(base).hostname or ""
        self.flow_host = f"my.{host.removeprefix('api.')}" if host.endswith(".exotel.com") else "my.exotel.com"
        """Where the flows of an account are: in the region whose API is called."""
        self._calls = f"/v1/Accounts/{quote(account.sid, safe='')}/Calls"
        self._exchange = Exchange(
            "Exotel",
            base,
            user=account.api_key or "",
            password=account.auth_token.get_secret_value(),
            timeout=account.timeout,
        )

    async def connect(self, order: Mapping[str, str]) -> Mapping[str, object]:
        """Place a call and return it as Exotel shows it."""
        body = urlencode(order).encode()
        return part_of(await self._request("POST", f"{self._calls}/connect.json", body), "Call")

    async def call(self, reference: str) -> Mapping[str, object]:
        """Return a call with its legs. Raises NotFound, too, when Exotel knows no such call."""
        address = f"{self._calls}/{quote(reference, safe='')}.json?details=true"
        return part_of(await self._request("GET", address, knows_none=True), "Call")

    async def calls(self, **filters: str) -> AsyncIterator[Mapping[str, object]]:
        """Yield all calls that Exotel lists, newest first; OutcomeUnknown when they cannot be read to the end."""
        address = f"{self._calls}.json?{urlencode({**filters, 'PageSize': PAGE_SIZE})}"
        for _ in range(MOST_PAGES):
            try:
                payload = await self._request("GET", address)
            except Rejected as error:
                raise OutcomeUnknown(f"Exotel refused to list calls: {error}", code=error.code) from None
            rows = payload.get("Calls")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise OutcomeUnknown("Exotel's list of calls cannot be read.")
            for row in rows:
                yield row
            following = text_of(part_of(payload, "Metadata"), "NextPageUri")
            if following is None:
                return
            address = _path(following)
        raise OutcomeUnknown(
            f"Exotel lists more than {MOST_PAGES * PAGE_SIZE} calls; the one looked for may be among them."
        )

    async def probe(self) -> None:
        """Ask for the least that only an accepted account gets."""
        await self._request("GET", f"{self._calls}.json?PageSize=1")

    async def _request(
        self, method: str, address: str, body: bytes | None = None, *, knows_none: bool = False
    ) -> Mapping[str, object]:
        """Return the object that is answered; an error inside a 2xx counts as what it says.

        With ``knows_none`` a 404 of Exotel's own, not of something on the way, is NotFound.
        """
        answer = await self._exchange.send(method, address, body, FORM)
        error = read_error(answer.text)
        is_good = 200 <= answer.status < 300
        if error is not None or not is_good:
            inner, words = error or (None, None)
            status = (inner if is_good else None) or answer.status
            if knows_none and error is not None and status == NOT_FOUND:
                raise NotFound("Exotel knows no such call.")
            retry_after = read_retry_after(answer.headers.get("Retry-After"), time.time())
            raise refusal(status, retry_after=retry_after, vendor_text=words)
        try:
            payload = json.loads(answer.text)
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            raise OutcomeUnknown("Exotel's answer cannot be read.")
        return payload

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()


def part_of(payload: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return an object inside another; an empty one where there is none."""
    part = payload.get(name)
    return part if isinstance(part, dict) else {}


def _path(uri: str) -> str:
    """Return path and query of a link to the next page; its host is not followed, as our credentials go along."""
    parts = urlsplit(uri)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
