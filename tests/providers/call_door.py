"""A web door that keeps webhooks about calls as our own hands them to their reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from clarion.providers.ports import Webhook
from tests.providers.scripted import serving


@dataclass
class CallDoor:
    """Listens at ``url``, which is its public address, too."""

    url: str = ""
    heard: list[Webhook] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        webhook = Webhook(self.url + request.raw_path, headers, await request.read())
        async with self.news:
            self.heard.append(webhook)
            self.news.notify_all()
        return web.Response()

    async def until(self, enough: Callable[[list[Webhook]], bool]) -> list[Webhook]:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: enough(self.heard))
        return list(self.heard)


@asynccontextmanager
async def open_call_door() -> AsyncIterator[CallDoor]:
    door = CallDoor()
    async with serving(door.answer, method="POST") as door.url:
        yield door
