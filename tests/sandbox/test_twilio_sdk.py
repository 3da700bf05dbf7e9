"""The real Twilio SDK, unchanged but for the address, gets along with the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, SID, TOKEN, Sender

GOOD = "+14155550123"
# The SDK (9.13) hands aiohttp an ``auth``, which aiohttp 3.14 announces to drop in 4; our pin is below 4.
pytestmark = pytest.mark.filterwarnings("ignore:.*(BasicAuth|'auth' parameter):DeprecationWarning")


class LocalTwilio(AsyncTwilioHttpClient):
    """Sends every request to the sandbox instead of Twilio."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = urlsplit(base)

    async def request(  # type: ignore[override]  # noqa: PLR0917 -- as the SDK has it, async over sync
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- the SDK's name
        allow_redirects: bool = False,
    ) -> Response:
        parts = urlsplit(uri)
        local = urlunsplit((self.base.scheme, self.base.netloc, parts.path, parts.query, ""))
        return await super().request(method, local, params, data, headers, auth, timeout, allow_redirects)


@pytest.fixture
async def twilio(sandbox: Sandbox) -> AsyncIterator[Client]:
    http = LocalTwilio(sandbox.url)
    yield Client(SID, TOKEN, http_client=http)
    await http.close()  # type: ignore[no-untyped-call]


async def test_create_fetch_update_delete(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0})
    created = await twilio.messages.create_async(to=GOOD, from_=OURS, body="Hi Ann")
    assert (created.to, created.from_, created.body) == (GOOD, OURS, "Hi Ann")
    assert created.date_created is not None
    fetched = await twilio.messages(str(created.sid)).fetch_async()
    assert (fetched.sid, str(fetched.status), fetched.price) == (created.sid, "delivered", "-0.00830")
    redacted = await fetched.update_async(body="")
    assert redacted.body == ""
    assert await redacted.delete_async()


async def test_list_pages_through(twilio: Client) -> None:
    for number in range(5):
        await twilio.messages.create_async(to=GOOD, from_=OURS, body=str(number))
    found = await twilio.messages.list_async(to=GOOD, from_=OURS, page_size=2)
    assert [message.body for message in found] == ["4", "3", "2", "1", "0"]
    assert await twilio.messages.list_async(to="+14155550199", limit=20) == []


@pytest.mark.parametrize(("to", "code"), [("+15005550001", 21211), ("+14155559004", 21610), ("+14155559006", 21614)])
async def test_errors_keep_their_code(twilio: Client, to: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as raised:
        await twilio.messages.create_async(to=to, from_=OURS, body="Hi")
    assert (raised.value.status, raised.value.code) == (400, code)


async def test_bad_credentials(sandbox: Sandbox) -> None:
    http = LocalTwilio(sandbox.url)
    client = Client(SID, "wrong", http_client=http)
    with pytest.raises(TwilioRestException) as raised:
        await client.messages.create_async(to=GOOD, from_=OURS, body="Hi")
    assert (raised.value.status, raised.value.code) == (401, 20003)
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        await client.messages.list_async(limit=1)
    await http.close()  # type: ignore[no-untyped-call]
