"""A loopback server that answers as a test tells it, also in ways that Twilio and our sandbox do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import SecretStr

from clarion.providers.ports import OutgoingText
from clarion.providers.twilio import TwilioMessenger, open_twilio
from clarion.settings import Account

SID = "AC" + "0" * 32
SENDER = "+15005550006"
PERSON = "+14155552671"

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class ScriptedTwilio:
    """Takes one step of its script per request; the last step repeats."""

    script: list[Step] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        self.seen.append(Seen(request.method, request.path, dict(request.query), form, dict(request.headers)))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await step(request)


@asynccontextmanager
async def scripted_twilio(*script: Step) -> AsyncIterator[ScriptedTwilio]:
    twilio = ScriptedTwilio(list(script))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", twilio.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    twilio.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield twilio
    finally:
        await runner.cleanup()


def says(status: int, body: object, **headers: str) -> Step:
    text = body if isinstance(body, str) else json.dumps(body)

    async def step(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return step


def refuses(status: int, code: int, words: str = "no", **headers: str) -> Step:
    return says(status, {"code": code, "message": words, "status": status}, **headers)


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def drops(request: web.Request) -> web.StreamResponse:
    """Close the connection after the request was read: it may have taken effect."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cuts_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=201, headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"sid": "SM')
    assert request.transport is not None
    request.transport.close()
    return response


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
