"""A web door that keeps webhooks about calls as our own hands them to their reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from clarion.providers.ports import Webhook


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
    app = web.Application()
    app.router.add_post("/{path:.*}", door.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield door
    finally:
        await runner.cleanup()
