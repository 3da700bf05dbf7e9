"""Phone calls through Twilio: its SDK behind our Dialer port."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from twilio.base.page import Page
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance

from clarion.domain.call import RING_SECONDS, CallWord, MachineRule, Script
from clarion.domain.errors import NotFound
from clarion.providers.addresses import is_web_address, with_attempt
from clarion.providers.ports import AccountBroken, Dialer, OutcomeUnknown, OutgoingCall, Rejected
from clarion.providers.twilio import CLOCK_SLACK, MOST_PAGES, NO_EDGE, PAGE_SIZE, UNREADABLE
from clarion.providers.twilio_call_statuses import Said, word_on
from clarion.providers.twilio_transport import TwilioTransport
from clarion.providers.twilio_twiml import spoken
from clarion.settings import Account

EVENTS = ("initiated", "ringing", "answered", "completed")
"""Of which we want to be told; the last one stands for every end."""
UNKNOWN_CALL = "20404"
OVER_ALREADY = "21220"

BESIDE = {"machine_detection": "Enable", "async_amd": "true"}
"""Machine detection that keeps nobody waiting: the call begins at once."""
DETECTION: Mapping[MachineRule, Mapping[str, str]] = {
    MachineRule.HANG_UP: BESIDE,
    MachineRule.CONTINUE: BESIDE,
    MachineRule.LEAVE_MESSAGE: {"machine_detection": "DetectMessageEnd"},
}
"""Only to leave a message the call waits, until the machine listens."""


async def open_twilio_dialer(account: Account, callback: str | None) -> TwilioDialer:
    """Open an account's connection to Twilio for calls; nobody is called yet.

    ``callback`` is the public address for webhooks about calls; without it, calls have to be asked for. Raises BadInput
    when base_url is not an address.
    """
    transport = TwilioTransport(
        account.sid, account.auth_token.get_secret_value(), base_url=account.base_url, timeout=account.timeout
    )
    return TwilioDialer(account, callback, transport)


class TwilioDialer(Dialer):
    """Places calls through one Twilio account. Never retries by itself."""

    def __init__(self, account: Account, callback: str | None, transport: TwilioTransport) -> None:
        self._account = account
        self._callback = callback
        self._transport = transport
        client = Client(
            account.sid,
            account.auth_token.get_secret_value(),
            http_client=transport,
            environment=NO_EDGE,
        )
        self._calls = client.calls

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        return self._account.timeout

    async def place(self, call: OutgoingCall) -> CallWord:
        """Place a call once; the word says `placed`, with Twilio's reference.

        Raises RateLimited (also for too many calls at once), Unavailable, OutcomeUnknown, AccountBroken or Rejected.
        """
        sender = self._sender(call)
        order: dict[str, object] = {
            "timeout": int(RING_SECONDS),
            "time_limit": math.ceil(call.longest),
            **self._instructions(call),
            **DETECTION[call.machine],
            **self._callbacks(call),
        }
        try:
            placed = await self._calls.create_async(to=call.to, from_=sender, **order)
        except UNREADABLE:
            raise OutcomeUnknown("Twilio took the call, and its answer cannot be read.") from None
        return _word(placed)

    def _sender(self, call: OutgoingCall) -> str:
        sender = call.sender or self._account.from_number
        if not sender:
            raise AccountBroken(
                "There is no number to call from: give the campaign's call a from_number, or the account one."
            )
        return sender

    def _instructions(self, call: OutgoingCall) -> Mapping[str, str]:
        address = _address(call.script, self._account)
        return {"twiml": spoken(call.script)} if address is None else {"url": with_attempt(address, call.attempt)}

    def _callbacks(self, call: OutgoingCall) -> Mapping[str, object]:
        if self._callback is None:
            return {}
        address = with_attempt(self._callback, call.attempt)
        detection = {"async_amd_status_callback": address} if "async_amd" in DETECTION[call.machine] else {}
        return {"status_callback": address, "status_callback_event": list(EVENTS), **detection}

    async def look(self, reference: str) -> CallWord:
        """Say how a call stands.

        Raises NotFound when Twilio knows no such call; RateLimited, Unavailable, OutcomeUnknown (here: could not be
        read) or AccountBroken.
        """
        try:
            return _word(await self._calls(reference).fetch_async())
        except AccountBroken as error:
            if error.code == UNKNOWN_CALL:
                raise NotFound(f'Twilio knows no call "{reference}".') from None
            raise
        except Rejected as error:
            raise OutcomeUnknown(f"Twilio refused to show a call: {error}", code=error.code) from None
        except UNREADABLE:
            raise OutcomeUnknown("Twilio's answer about a call cannot be read.") from None

    async def find(self, call: OutgoingCall, since: float, known: Collection[str]) -> CallWord | None:
        """Look for a call that may have been placed after ``since`` (epoch seconds) and is not in ``known`` references.

        None means that Twilio has nothing of the kind. Raises as ``look`` does.
        """
        oldest = datetime.fromtimestamp(since - CLOCK_SLACK, UTC)
        try:
            candidates = [
                found
                for found in await self._calls_since(call.to, self._sender(call), oldest)
                if found.sid not in known and str(found.direction or "") == "outbound-api"
            ]
        except Rejected as error:
            raise OutcomeUnknown(f"Twilio refused to list calls: {error}", code=error.code) from None
        except UNREADABLE:
            raise OutcomeUnknown("Twilio's list of calls cannot be read.") from None
        if not candidates:
            return None
        return _word(min(candidates, key=lambda found: _distance(found, since)))

    async def _calls_since(self, to: str, sender: str, oldest: datetime) -> list[CallInstance]:
        """List the calls from one number to another that were created since ``oldest``.

        By creation, not with Twilio's filter: that one goes by the start, which a call in the queue has not got.
        """
        page: Page = await self._calls.page_async(to=to, from_=sender, page_size=PAGE_SIZE)
        recent: list[CallInstance] = []
        for _ in range(MOST_PAGES):
            rows: list[CallInstance] = list(page)
            fresh = [row for row in rows if row.date_created is None or row.date_created >= oldest]
            recent += fresh
            if rows and not fresh:
                return recent
            following = await page.next_page_async()
            if following is None:
                return recent
            page = following
        raise OutcomeUnknown(
            f"Twilio lists more than {MOST_PAGES * PAGE_SIZE} calls; the one looked for may be among them."
        )

    async def hang_up(self, reference: str) -> bool:
        """End a call; one that is over already, or that Twilio does not know, counts as ended.

        Raises RateLimited, Unavailable, OutcomeUnknown or AccountBroken.
        """
        try:
            await self._calls(reference).update_async(status="completed")
        except AccountBroken as error:
            if error.code != UNKNOWN_CALL:
                raise
        except Rejected as error:
            if error.code != OVER_ALREADY:
                raise OutcomeUnknown(f"Twilio refused to end a call: {error}", code=error.code) from None
        except UNREADABLE:
            pass  # a 2xx: it was done, whatever the answer says
        return True

    async def check(self) -> None:
        """Prove that the credentials are accepted, without calling anyone. Raises ProviderError."""
        try:
            await self._calls.page_async(page_size=1)
        except UNREADABLE:
            raise OutcomeUnknown("Twilio's list of calls cannot be read.") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def _address(script: Script, account: Account) -> str | None:
    agent = script.agent or account.agent or ""
    return agent if is_web_address(agent) else None


def _word(call: CallInstance) -> CallWord:
    if not call.sid:
        raise OutcomeUnknown("Twilio's answer names no call.")
    return word_on(
        Said(
            call.sid,
            str(call.status or ""),
            answered_by=call.answered_by,
            duration=call.duration,
            price=call.price,
        )
    )


def _distance(call: CallInstance, since: float) -> float:
    return math.inf if call.date_created is None else abs(call.date_created.timestamp() - since)
