"""A loopback server in place of a vendor of calls that speaks JSON, and the call that the tests place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from clarion.domain.call import MachineRule, Script
from clarion.providers.ports import OutgoingCall
from tests.providers.scripted_twilio import PERSON, Step

OURS = "+14155550100"
SCRIPT = Script(
    prompt="Remind Ann of her service.",
    first_message="Hi Ann!",
    context="Ann drives a Panda.",
    voicemail_message="Please call us back.",
    agent="agent_own",
    language="en-GB",
    variables={"name": "Ann", "prompt": "of the row"},
)
CALL = OutgoingCall("7.12.1", PERSON, None, SCRIPT, 300.0, MachineRule.HANG_UP)
PLAIN = OutgoingCall("7.12.1", PERSON, None, Script(), 300.0, MachineRule.HANG_UP)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]


@dataclass
class ScriptedVendor:
    """Takes one step of its script per request; the last step repeats."""

    script: list[Step]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, request.path, dict(request.query), body, dict(request.headers)))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await step(request)


@asynccontextmanager
async def scripted_vendor(*script: Step) -> AsyncIterator[ScriptedVendor]:
    vendor = ScriptedVendor(list(script))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", vendor.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield vendor
    finally:
        await runner.cleanup()
