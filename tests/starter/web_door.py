"""Our web door, served by uvicorn on a free port, and somebody who knocks on it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from fastapi import FastAPI
from pydantic import SecretStr
from twilio.request_validator import RequestValidator
from yarl import URL

from clarion.providers.raw import RawReceipt
from clarion.settings import Account, Settings
from starter.web import Health, create_app, listen, web_server
from starter.webhooks import Inbox

TOKEN = "12345"
PUBLIC = "https://clarion.example/base"
STATUS = "/webhooks/twilio/main/status"
INBOUND = "/webhooks/twilio/main/inbound"
FORM = "application/x-www-form-urlencoded"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155552671", "FromCity": ""}


@dataclass
class Shelf:
    """An inbox that keeps receipts in memory, or breaks when told to."""

    kept: list[RawReceipt] = field(default_factory=list)
    broken: Exception | None = None

    async def keep(self, receipt: RawReceipt) -> None:
        if self.broken is not None:
            raise self.broken
        self.kept.append(receipt)


@dataclass
class Door:
    url: str
    shelf: Shelf
    http: aiohttp.ClientSession

    async def post(
        self,
        path: str,
        body: bytes | Mapping[str, str],
        *,
        signature: str | None = None,
        content_type: str = FORM,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, Mapping[str, str]]:
        raw = body if isinstance(body, bytes) else urlencode(body).encode()
        headers = {"Content-Type": content_type, **(headers or {})}
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        address = URL(self.url + path, encoded=True)  # escapes stay as they are: they were signed so
        async with self.http.post(address, data=raw, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def signed(self, path: str, form: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]]:
        return await self.post(path, form, signature=sign(path, form))


def sign(path: str, form: Mapping[str, str], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(PUBLIC + path, form))


def settings(public_url: str | None = PUBLIC) -> Settings:
    account = Account(sid="AC" + "0" * 32, auth_token=SecretStr(TOKEN), from_number="+15005550006")
    return Settings(accounts={"main": account}, public_url=public_url)


async def healthy() -> dict[str, str]:
    return {"database": "ok"}


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    server = web_server(app)
    with listen("127.0.0.1", 0) as port:
        running = asyncio.create_task(server.serve(sockets=[port]))
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@contextlib.asynccontextmanager
async def opened(
    public_url: str | None = PUBLIC,
    health: Health = healthy,
    accounts: Mapping[str, Account] | None = None,
    inbox: Inbox | None = None,
) -> AsyncIterator[Door]:
    """Open a door for ``accounts``, else for one with Twilio; what comes in goes to ``inbox``, else onto a shelf."""
    shelf = Shelf()
    known = settings(public_url) if accounts is None else Settings(accounts=dict(accounts), public_url=public_url)
    async with served(create_app(known, inbox or shelf, health)) as url, aiohttp.ClientSession() as http:
        yield Door(url, shelf, http)
