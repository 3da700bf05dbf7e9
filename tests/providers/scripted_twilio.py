"""A loopback server in place of Twilio, what it says, and the text that the tests send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import SecretStr

from clarion.providers.ports import OutgoingText
from clarion.providers.twilio import TwilioMessenger, open_twilio
from clarion.settings import Account
from tests.providers.scripted import Scripted, Step, says

SID = "AC" + "0" * 32
SENDER = "+15005550006"
PERSON = "+14155552671"


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class ScriptedTwilio(Scripted):
    seen: list[Seen] = field(default_factory=list)

    async def hear(self, request: web.Request) -> None:
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        self.seen.append(Seen(request.method, request.path, dict(request.query), form, dict(request.headers)))


def scripted_twilio(*script: Step) -> AbstractAsyncContextManager[ScriptedTwilio]:
    return ScriptedTwilio(list(script)).serve()


def refuses(status: int, code: int, words: str = "no", **headers: str) -> Step:
    return says(status, {"code": code, "message": words, "status": status}, **headers)


def message(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "sid": f"SM{number:032x}",
        "status": "queued",
        "error_code": None,
        "body": "Hello",
        "direction": "outbound-api",
        "from": SENDER,
        "to": PERSON,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_sent": None,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "messaging_service_sid": None,
        "num_segments": "1",
        **changes,
    }


def page(*messages: dict[str, object], following: str | None = None) -> Step:
    return says(
        200,
        {
            "messages": list(messages),
            "end": 0,
            "first_page_uri": "/x",
            "next_page_uri": following,
            "page": 0,
            "page_size": 100,
            "previous_page_uri": None,
            "start": 0,
            "uri": "/x",
        },
    )


def account(base_url: str, *, timeout: float = 5.0, service: str | None = None) -> Account:
    return Account(
        sid=SID,
        auth_token=SecretStr("12345"),
        from_number=None if service else SENDER,
        messaging_service=service,
        base_url=base_url,
        timeout=timeout,
    )


TEXT = OutgoingText(attempt="7.12.1", to=PERSON, body="Hello")
CREATED = datetime(2023, 8, 24, 5, 1, 45, tzinfo=UTC).timestamp()
RECEIPTS = "https://example.com/webhooks/twilio/main/status"


@asynccontextmanager
async def messenger_to(
    *script: Step, patience: float = 5.0, service: str | None = None, receipts: str | None = RECEIPTS
) -> AsyncIterator[tuple[TwilioMessenger, ScriptedTwilio]]:
    async with scripted_twilio(*script) as twilio:
        messenger = await open_twilio(account(twilio.url, timeout=patience, service=service), receipts)
        try:
            yield messenger, twilio
        finally:
            await messenger.close()
