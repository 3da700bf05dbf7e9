"""Those who deal with the sandbox in its tests: somebody who sends texts, and a web door that hears of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings

SID = "AC" + "a1" * 16
TOKEN = "open sesame"
OURS = "+14155550100"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@asynccontextmanager
async def started(settings: Settings, *, seed: int = 7) -> AsyncIterator[Sandbox]:
    """A sandbox that runs while it is used."""
    sandbox = Sandbox(seed=seed, settings=settings)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


@dataclass
class Sender:
    """Talks to the sandbox over HTTP as one account."""

    sandbox: Sandbox
    http: aiohttp.ClientSession
    messages: str = f"/2010-04-01/Accounts/{SID}/Messages.json"

    async def ask(
        self,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        *,
        params: dict[str, str] | None = None,
        user: str = SID,
        password: str = TOKEN,
    ) -> tuple[int, Any]:
        """Send one request; returns status and parsed body."""
        headers = {"Authorization": aiohttp.encode_basic_auth(user, password), **(FORM if form is not None else {})}
        data = urlencode(form) if form is not None else None
        url = self.sandbox.url + path
        async with self.http.request(method, url, data=data, headers=headers, params=params) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def text(self, to: str, body: str = "Hello", **more: str) -> tuple[int, Any]:
        """Create a message from our usual number."""
        return await self.ask("POST", self.messages, {"To": to, "From": OURS, "Body": body, **more})

    async def status_of(self, message: Mapping[str, Any]) -> str:
        """Fetch a message and return where it stands."""
        _, fetched = await self.ask("GET", message["uri"])
        return str(fetched["status"])

    async def control(self, method: str, path: str, payload: object = None) -> Any:  # noqa: ANN401 -- any JSON
        """Use the sandbox's own doors; asserts that it worked."""
        async with self.http.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=payload) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@dataclass
class Heard:
    """One webhook as it arrived."""

    url: str
    headers: dict[str, str]
    form: dict[str, str]
    body: str = ""
    """As it came, for webhooks that are signed over their bytes."""


@dataclass
class WebDoor:
    """A real web server that keeps what is posted to it and answers with ``status``."""

    status: int = 204
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/twilio?attempt=7.1.1"

    async def open(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._hear, access_log=None), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def close(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def until(self, enough: Callable[[list[Heard]], bool]) -> list[Heard]:
        """Wait until what was heard is enough; fails after ten seconds."""
        async with asyncio.timeout(10):
            while not enough(self.heard):
                self.news.clear()
                await self.news.wait()
        return self.heard

    async def _hear(self, request: web.BaseRequest) -> web.Response:
        body = (await request.read()).decode()
        url = f"http://127.0.0.1:{self.port}{request.raw_path}"
        self.heard.append(Heard(url, dict(request.headers), dict(parse_qsl(body, keep_blank_values=True)), body))
        self.news.set()
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status)


@asynccontextmanager
async def web_door() -> AsyncIterator[WebDoor]:
    """A web door that is open while it is used."""
    door = WebDoor()
    await door.open()
    try:
        yield door
    finally:
        await door.close()


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until it holds; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0.01)


def statuses(heard: list[Heard]) -> list[str]:
    """The message statuses that were told, in order of arrival."""
    return [one.form.get("MessageStatus", "") for one in heard]
