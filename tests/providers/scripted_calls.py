"""A loopback server in place of a vendor of calls that speaks JSON, and the call that the tests place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from clarion.domain.call import MachineRule, Script
from clarion.providers.ports import OutgoingCall
from tests.providers.scripted import Scripted, Step
from tests.providers.scripted_twilio import PERSON

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
class ScriptedVendor(Scripted):
    asked: list[Asked] = field(default_factory=list)

    async def hear(self, request: web.Request) -> None:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, request.path, dict(request.query), body, dict(request.headers)))


def scripted_vendor(*script: Step) -> AbstractAsyncContextManager[ScriptedVendor]:
    return ScriptedVendor(list(script)).serve()
