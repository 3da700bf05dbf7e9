"""A dialer to a server that answers as a test tells it, in the words of Twilio's Calls resource."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clarion.domain.call import MachineRule, Script
from clarion.providers.ports import OutgoingCall
from clarion.providers.twilio_calls import TwilioDialer, open_twilio_dialer
from clarion.settings import Account
from tests.providers.scripted import Step, says
from tests.providers.scripted_twilio import PERSON, SENDER, ScriptedTwilio, account, scripted_twilio

DOOR = "https://example.com/webhooks/twilio/main/call"
SERVICE = "MG" + "0" * 32
CALL = OutgoingCall(
    attempt="7.12.1",
    to=PERSON,
    sender=None,
    script=Script(first_message="Hello Ann"),
    longest=659.5,
    machine=MachineRule.HANG_UP,
)


def call(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "sid": f"CA{number:032x}",
        "status": "queued",
        "answered_by": None,
        "direction": "outbound-api",
        "duration": None,
        "price": None,
        "from": SENDER,
        "to": PERSON,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "start_time": None,
        **changes,
    }


def page(*calls: dict[str, object], following: str | None = None) -> Step:
    meta = {"end": 0, "first_page_uri": "/x", "previous_page_uri": None, "page": 0, "page_size": 100, "start": 0}
    return says(200, {"calls": list(calls), "next_page_uri": following, "uri": "/x", **meta})


@asynccontextmanager
async def dialer_to(
    *script: Step, callback: str | None = DOOR, patience: float = 5.0, **changes: str | None
) -> AsyncIterator[tuple[TwilioDialer, ScriptedTwilio]]:
    async with scripted_twilio(*script) as twilio:
        ours = Account.model_validate({**account(twilio.url, timeout=patience).model_dump(), **changes})
        dialer = await open_twilio_dialer(ours, callback)
        try:
            yield dialer, twilio
        finally:
            await dialer.close()
