"""A dialer to a server that answers as a test tells it, in Exotel's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from clarion.domain.call import MachineRule, Script
from clarion.providers.exotel import ExotelDialer, open_exotel
from clarion.providers.ports import OutgoingCall
from clarion.settings import Account, Provider
from tests.providers.scripted import Step, says
from tests.providers.scripted_twilio import ScriptedTwilio, scripted_twilio

PERSON = "+919876543210"
EXOPHONE = "+918047110000"
DOOR = "https://example.com/webhooks/exotel/main/s3cret/call"
SID = "c5797dcbaaeed7678c4062a4a3ed2f8a"
AGES_AGO = 1_488_518_313.0  # 2017-03-03 10:48:33 in India
CALL = OutgoingCall("7.12.1", PERSON, None, Script(agent="4711"), 659.5, MachineRule.HANG_UP)


def account(base_url: str | None, *, timeout: float = 5.0, agent: str | None = None) -> Account:
    return Account(
        provider=Provider.EXOTEL,
        sid="clarion 1",
        api_key="key",
        auth_token=SecretStr("token"),
        from_number=EXOPHONE,
        agent=agent,
        base_url=base_url,
        timeout=timeout,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, callback: str | None = DOOR, patience: float = 5.0, agent: str | None = None
) -> AsyncIterator[tuple[ExotelDialer, ScriptedTwilio]]:
    async with scripted_twilio(*script) as exotel:
        dialer = await open_exotel(account(exotel.url, timeout=patience, agent=agent), callback)
        try:
            yield dialer, exotel
        finally:
            await dialer.close()


def row(**changes: object) -> dict[str, object]:
    return {
        "Sid": SID,
        "DateCreated": "2017-03-03 10:48:33",
        "Status": "completed",
        "Direction": "outbound-api",
        "From": "09876543210",
        "To": "08047110000",
        "PhoneNumberSid": "08047110000",
        "Duration": None,
        "Price": None,
        "AnsweredBy": None,
        "RecordingUrl": None,
        **changes,
    }


def one(**changes: object) -> Step:
    return says(200, {"Call": row(**changes)})


def page(*rows: object, following: str | None = None) -> Step:
    return says(200, {"Metadata": {"NextPageUri": following}, "Calls": list(rows)})


def refuses(status: int, words: str = "no", *, http_status: int | None = None, **headers: str) -> Step:
    return says(http_status or status, {"RestException": {"Status": status, "Message": words}}, **headers)
