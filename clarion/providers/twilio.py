"""Text messages through Twilio: its SDK behind our Messenger port."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from twilio.base.exceptions import TwilioException
from twilio.base.page import Page
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from clarion.domain.attempt import Verdict
from clarion.providers.ports import Messenger, OutcomeUnknown, OutgoingText, Rejected
from clarion.providers.twilio_statuses import underway, verdict_on
from clarion.providers.twilio_transport import TwilioTransport
from clarion.settings import Account

CLOCK_SLACK = 60.0
"""Seconds by which Twilio's clock may be behind ours when a message is looked up."""
PAGE_SIZE = 100
MOST_PAGES = 10

UNREADABLE = (TwilioException, ValueError, TypeError, KeyError, AttributeError)
"""What the SDK raises over a 2xx answer that is not what it should be."""

NO_EDGE = {"TWILIO_EDGE": ""}
"""Stands in for the environment, which the SDK would read otherwise; base_url of the account chooses the address."""

TRIAL_PREFIX = "Sent from your Twilio trial account - "
SMART_ENCODED = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-")
)
"""Quotation marks and dashes that Smart Encoding of a messaging service may replace before a text is stored."""


async def open_twilio(account: Account, status_callback: str | None) -> TwilioMessenger:
    """Open an account's connection to Twilio; nothing is sent yet.

    ``status_callback`` is the public address for receipts; without it `sent` is the last word on every message.
    Raises BadInput when base_url is not an address.
    """
    transport = TwilioTransport(
        account.sid, account.auth_token.get_secret_value(), base_url=account.base_url, timeout=account.timeout
    )
    return TwilioMessenger(account, status_callback, transport)


class TwilioMessenger(Messenger):
    """Sends texts through one Twilio account. Never retries by itself."""

    def __init__(self, account: Account, status_callback: str | None, transport: TwilioTransport) -> None:
        self._account = account
        self._transport = transport
        client = Client(
            account.sid,
            account.auth_token.get_secret_value(),
            http_client=transport,
            environment=NO_EDGE,
        )
        self._messages = client.messages
        self._receipts = status_callback is not None
        self._callback = "" if status_callback is None else _with_room_for_attempt(status_callback)
        self._from: Mapping[str, str] = (
            {"from_": account.from_number}
            if account.from_number is not None
            else {"messaging_service_sid": account.messaging_service or ""}
        )

    @property
    def sender(self) -> str:
        """The number or messaging service that texts leave from."""
        return self._account.from_number or self._account.messaging_service or ""

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        return self._account.timeout

    async def send(self, text: OutgoingText) -> Verdict:
        """Send once. Raises RateLimited, Unavailable, OutcomeUnknown, AccountBroken or Rejected."""
        callback = {"status_callback": self._callback + text.attempt} if self._receipts else {}
        try:
            message = await self._messages.create_async(to=text.to, body=text.body, **self._from, **callback)
        except UNREADABLE:
            raise OutcomeUnknown("Twilio took the message, and its answer cannot be read.") from None
        return self._verdict(message)

    async def find(self, text: OutgoingText, since: float, known: Collection[str]) -> Verdict | None:
        """Look for a text that may have been sent after ``since`` (epoch seconds) and is not in ``known`` references.

        None means that Twilio has nothing of the kind. Raises RateLimited, Unavailable, OutcomeUnknown (here: could not
        be read to the end) or AccountBroken.
        """
        oldest = datetime.fromtimestamp(since - CLOCK_SLACK, UTC)
        wanted = _folded(text.body)
        try:
            candidates = [
                message
                for message in await self._messages_since(text.to, oldest)
                if message.sid not in known and self._is_ours(message) and _folded(message.body or "") == wanted
            ]
        except Rejected as error:
            raise OutcomeUnknown(f"Twilio refused to list messages: {error}", code=error.code) from None
        except UNREADABLE:
            raise OutcomeUnknown("Twilio's list of messages cannot be read.") from None
        if not candidates:
            return None
        return self._verdict(min(candidates, key=lambda message: _distance(message, since)))

    async def _messages_since(self, to: str, oldest: datetime) -> list[MessageInstance]:
        """List the messages to a number that were created since ``oldest``.

        By creation, not with Twilio's filter: that one goes by the date sent, which a message in the queue has not got.
        """
        sender = {"from_": self._account.from_number} if self._account.from_number else {}
        page: Page = await self._messages.page_async(to=to, page_size=PAGE_SIZE, **sender)
        recent: list[MessageInstance] = []
        for _ in range(MOST_PAGES):
            rows: list[MessageInstance] = list(page)
            fresh = [row for row in rows if row.date_created is None or row.date_created >= oldest]
            recent += fresh
            if rows and not fresh:
                return recent
            following = await page.next_page_async()
            if following is None:
                return recent
            page = following
        raise OutcomeUnknown(
            f"Twilio lists more than {MOST_PAGES * PAGE_SIZE} messages; the one looked for may be among them."
        )

    def _is_ours(self, message: MessageInstance) -> bool:
        service = self._account.messaging_service
        outbound = str(message.direction or "").startswith("outbound")
        return outbound and (service is None or message.messaging_service_sid == service)

    def _verdict(self, message: MessageInstance) -> Verdict:
        if not message.sid:
            raise OutcomeUnknown("Twilio's answer names no message.")
        status = str(message.status or "")
        # a status we do not know: Twilio has the message, whatever it calls that
        return verdict_on(status, message.error_code, message.sid, receipts=self._receipts) or underway(
            status, message.sid, receipts=self._receipts
        )

    async def check(self) -> None:
        """Prove that the credentials are accepted, without contacting anyone. Raises ProviderError."""
        try:
            await self._messages.page_async(page_size=1)
        except UNREADABLE:
            raise OutcomeUnknown("Twilio's list of messages cannot be read.") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def _with_room_for_attempt(address: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}attempt="


def _folded(body: str) -> str:
    """Return a text without the differences that Twilio may make between what it was given and what it stores."""
    plain = unicodedata.normalize("NFKC", body.removeprefix(TRIAL_PREFIX).translate(SMART_ENCODED))
    return " ".join(plain.split())


def _distance(message: MessageInstance, since: float) -> float:
    return math.inf if message.date_created is None else abs(message.date_created.timestamp() - since)
