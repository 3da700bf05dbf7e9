"""Phone calls through Exotel: version 1 of its voice API behind our Dialer port. It has no SDK worth the name."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from urllib.parse import quote

from clarion.domain.call import RING_SECONDS, CallWord, Stage
from clarion.domain.errors import NotFound
from clarion.providers.addresses import is_web_address, with_attempt
from clarion.providers.exotel_errors import FORBIDDEN, SUSPENDED, account_broken
from clarion.providers.exotel_statuses import epoch, local_time, text_of, under_way, word_on
from clarion.providers.exotel_transport import ExotelTransport
from clarion.providers.ports import AccountBroken, Dialer, OutcomeUnknown, OutgoingCall, ProviderError, Rejected
from clarion.settings import Account

EVENTS = ("terminal", "answered")
LONGEST_CALL = 14_400
"""Seconds that Exotel lets a call last."""
CLOCK_SLACK = 60.0
"""Seconds by which Exotel's clock may be behind ours when a call is looked up."""
LIST_LAG = 120.0
"""Seconds after its end until a call stands in the list."""


async def open_exotel(account: Account, callback: str | None) -> ExotelDialer:
    """Open an account's connection to Exotel; nobody is called yet.

    ``callback`` is the public address for webhooks, its secret included; without it, calls have to be asked for. Raises
    BadInput when base_url is not an address.
    """
    return ExotelDialer(account, callback, ExotelTransport(account))


class ExotelDialer(Dialer):
    """Places calls through one Exotel account. Never retries by itself."""

    def __init__(self, account: Account, callback: str | None, transport: ExotelTransport) -> None:
        self._account = account
        self._callback = callback
        self._transport = transport

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        return self._account.timeout

    async def place(self, call: OutgoingCall) -> CallWord:
        """Place a call once; the word says `placed`, with Exotel's reference.

        Raises RateLimited (also for too many calls at once), Unavailable, OutcomeUnknown, AccountBroken or Rejected.
        """
        order = {
            "From": call.to,
            "CallerId": self._sender(call),
            "Url": self._flow(call),
            "CustomField": call.attempt,
            "TimeLimit": str(min(math.ceil(call.longest), LONGEST_CALL)),
            "TimeOut": str(int(RING_SECONDS)),
            **self._callbacks(call),
        }
        try:
            placed = await self._transport.connect(order)
        except Rejected as error:
            if error.code == str(FORBIDDEN):
                await self._prove_access()
            raise
        word = word_on(placed)
        if word is None or not word.verdict.provider_reference:
            raise OutcomeUnknown("Exotel took the call, and its answer cannot be read.")
        # Exotel says "in-progress" of every call that it takes, long before anybody has picked up.
        verdict = under_way(word.verdict.provider_reference, word.verdict.provider_status or "")
        return CallWord(verdict, replace(word.facts, stage=Stage.PLACED))

    def _sender(self, call: OutgoingCall) -> str:
        sender = call.sender or self._account.from_number
        if not sender:
            raise AccountBroken("There is no ExoPhone to call from: give the account a from_number.")
        return sender

    def _flow(self, call: OutgoingCall) -> str:
        flow = call.script.agent or self._account.agent
        if not flow:
            raise AccountBroken(
                "There is no flow to connect people to: give the campaign's call an agent, or the account one: the app "
                "id of a flow in the Exotel dashboard."
            )
        if is_web_address(flow):
            return flow
        sid, app = quote(self._account.sid, safe=""), quote(flow, safe="")
        return f"http://{self._transport.flow_host}/{sid}/exoml/start_voice/{app}"

    def _callbacks(self, call: OutgoingCall) -> Mapping[str, str]:
        if self._callback is None:
            return {}
        return {
            "StatusCallback": with_attempt(self._callback, call.attempt),
            "StatusCallbackContentType": "application/json",
            **{f"StatusCallbackEvents[{number}]": event for number, event in enumerate(EVENTS)},
        }

    async def _prove_access(self) -> None:
        """Raise AccountBroken when not only a call is forbidden, but everything is."""
        try:
            await self.check()
        except AccountBroken:
            raise
        except ProviderError:
            return  # nothing is proven: the call stays refused

    async def look(self, reference: str) -> CallWord:
        """Say how a call stands.

        Raises NotFound when Exotel knows no such call; RateLimited, Unavailable, OutcomeUnknown (here: could not be
        read) or AccountBroken.
        """
        try:
            word = word_on(await self._transport.call(reference))
        except Rejected as error:
            raise OutcomeUnknown(f"Exotel refused to show a call: {error}", code=error.code) from None
        if word is None:
            raise OutcomeUnknown("Exotel's answer about a call cannot be read.")
        return word

    async def find(self, call: OutgoingCall, since: float, known: Collection[str]) -> CallWord | None:
        """Look for a call that may have been placed after ``since`` (epoch seconds) and is not in ``known`` references.

        None means that Exotel has nothing of the kind. It lists a call only once that is over: until every call of then
        must be, raises OutcomeUnknown; else as ``look`` does.
        """
        oldest = since - CLOCK_SLACK
        span = f"gte:{local_time(oldest)};lte:{local_time(time.time() + CLOCK_SLACK)}"
        candidates = [
            row
            async for row in self._transport.calls(From=call.to, DateCreated=span)
            if text_of(row, "Sid") not in known and self._is_ours(row, call, oldest)
        ]
        if candidates:
            best = min(candidates, key=lambda row: _unlikeliness(row, call, since))
            try:
                return await self.look(text_of(best, "Sid") or "")
            except NotFound:
                raise OutcomeUnknown("Exotel lists a call that it does not show.") from None
        if time.time() < since + RING_SECONDS + call.longest + LIST_LAG:
            raise OutcomeUnknown("Exotel lists calls only once they are over, and this one could still be going on.")
        return None

    def _is_ours(self, row: Mapping[str, object], call: OutgoingCall, oldest: float) -> bool:
        """Our attempt id decides, which Exotel may or may not show with a call; else the sender and the time do."""
        if text_of(row, "Direction") != "outbound-api" or text_of(row, "Sid") is None:
            return False
        if field := text_of(row, "CustomField"):
            return field == call.attempt
        created = epoch(text_of(row, "DateCreated"))
        sender = text_of(row, "PhoneNumberSid")
        return (created is None or created >= oldest) and (sender is None or _same_number(sender, self._sender(call)))

    async def hang_up(self, reference: str) -> bool:  # noqa: ARG002 -- the port's; there is nothing to tell Exotel
        """Return False: Exotel offers no way to end a call. It ends by itself after the time it was placed with."""
        return False

    async def check(self) -> None:
        """Prove that the credentials are accepted, without calling anyone. Raises ProviderError."""
        try:
            await self._transport.probe()
        except Rejected as error:
            if error.code == str(FORBIDDEN):
                raise account_broken(SUSPENDED, FORBIDDEN) from None
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def _same_number(one: str, other: str) -> bool:
    """Whether two ways to write a number can mean the same: Exotel turns +91… into 0…; an id may be any."""
    ends = [number.lstrip("+0") for number in (one, other)]
    return not all(end.isdigit() for end in ends) or ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])


def _unlikeliness(row: Mapping[str, object], call: OutgoingCall, since: float) -> tuple[bool, float]:
    created = epoch(text_of(row, "DateCreated"))
    return text_of(row, "CustomField") != call.attempt, math.inf if created is None else abs(created - since)
