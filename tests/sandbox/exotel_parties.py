"""Those who deal with Exotel in the sandbox's tests: somebody who calls, and a web door that hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.sandbox.parties import Sender, eventually

ACCOUNT = "clarion1"
CALLS = f"/v1/Accounts/{ACCOUNT}/Calls"
CONNECT = f"{CALLS}/connect.json"
FLOW = f"http://my.exotel.com/{ACCOUNT}/exoml/start_voice/4711"
EXOPHONE = "08047110000"
GOOD = "+919876549108"  # always answered by a person
BOTH = {"StatusCallbackEvents[0]": "terminal", "StatusCallbackEvents[1]": "answered"}


@dataclass
class ExotelDoor:
    """A web door that keeps what Exotel posts, form or JSON."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    runner: web.ServerRunner | None = None

    async def open(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._hear, access_log=None), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()

    @property
    def url(self) -> str:
        assert self.runner is not None
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/exotel/secret-path"

    async def until(self, count: int) -> list[dict[str, Any]]:
        async def enough() -> bool:
            return len(self.heard) >= count

        await eventually(enough)
        return self.heard

    async def _hear(self, request: web.BaseRequest) -> web.Response:
        is_json = request.content_type == "application/json"
        self.heard.append(dict(await (request.json() if is_json else request.post())))
        self.headers.append(dict(request.headers))
        if self.hold is not None:
            await self.hold.wait()
        return web.Response()


async def ask(sender: Sender, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, Any]:
    """Send one request with good credentials."""
    return await sender.ask(method, path, form, user="key", password="token")


async def connect(sender: Sender, person: str = GOOD, **more: str) -> tuple[int, Any]:
    """Let the flow call a person."""
    return await ask(sender, "POST", CONNECT, {"From": person, "CallerId": EXOPHONE, "Url": FLOW, **more})


async def look(sender: Sender, sid: str, *, details: bool = False) -> dict[str, Any]:
    """Fetch a call."""
    status, body = await ask(sender, "GET", f"{CALLS}/{sid}.json{'?details=true' if details else ''}")
    assert (status, set(body)) == (200, {"Call"})
    return dict(body["Call"])


async def ended(sender: Sender, sid: str) -> dict[str, Any]:
    """Fetch until the call is over."""

    async def over() -> bool:
        return (await look(sender, sid))["Status"] not in {"queued", "ringing", "in-progress"}

    await eventually(over)
    return await look(sender, sid)


async def counted(sender: Sender) -> dict[str, Any]:
    """What the sandbox counts of calls at Exotel."""
    return dict((await sender.control("GET", "effects"))["exotel"]["calls"])


async def listed(sender: Sender, **filters: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A filtered list and what is said of it."""
    status, body = await sender.ask("GET", f"{CALLS}.json", params=filters, user="key", password="token")
    assert status == 200, body
    return dict(body["Metadata"]), list(body["Calls"])
