"""Twilio's Messages and Calls resources, version 2010-04-01: routes, authentication, what is asked of messages.

Read from Twilio's OpenAPI description and documentation pages on their own; shares no code with the client's side.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import time
from functools import lru_cache
from urllib.parse import parse_qsl

from clarion.sandbox.twilio.create import E164, read_order
from clarion.sandbox.twilio.desk import Desk
from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.twilio.listing import list_messages
from clarion.sandbox.twilio.messages import API_VERSION, SID, Account, Message
from clarion.sandbox.twilio.numbers import Fates
from clarion.sandbox.twilio.voice import VoiceDesk
from clarion.sandbox.vendor import Answer, Call, ControlError, Refusal, World

PREFIX = f"/{API_VERSION}/"


class TwilioApi:
    """The vendor ``twilio``."""

    name = "twilio"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._desk = Desk(world, self._fates())
        self._voice = VoiceDesk(world)

    async def answer(self, call: Call) -> Answer:
        """Route and authenticate."""
        account = self._account(call)
        if account is None:
            return problem(20003, headers={"WWW-Authenticate": 'Basic realm="Twilio API"'})
        match call.path.split("/")[4:]:
            case ["Messages.json"]:
                return self._messages(account, call)
            case ["Messages", name] if name.endswith(".json") and SID.fullmatch(name[:-5]):
                return self._one(account, call, name[:-5])
            case ["Calls.json"]:
                return await self._voice.all(account, call)
            case ["Calls", name] if name.endswith(".json"):
                return self._voice.one(account, call, name[:-5])
            case _:
                return problem(20404, call.path)

    def account_of(self, call: Call) -> str:
        """Return the account sid in the path."""
        return call.path[len(PREFIX) :].partition("/")[2].partition("/")[0]

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Word a fault as Twilio does; ``Retry-After`` in whole seconds."""
        match refusal:
            case Refusal.RATE_LIMITED | Refusal.TOO_MANY_AT_ONCE:
                return problem(20429, headers={"Retry-After": str(math.ceil(self._world.faults.now.retry_after))})
            case Refusal.SUSPENDED:
                return problem(20005, self.account_of(call))
            case Refusal.OUTAGE:
                return problem(20503)
            case Refusal.SERVER_ERROR:
                return problem(20500)

    def inbound(self, sender: str, to: str, body: str) -> str:
        """Let a person write to one of our numbers or services. Raises ControlError when ``sender`` is no number."""
        if not E164.fullmatch(sender):
            message = f'from: "{sender}" is no phone number in international form such as +14155550123'
            raise ControlError(message)
        return self._desk.hear(sender, to, body).sid

    def settle(self) -> None:
        """Take over a changed mix."""
        self._desk.fates = self._fates()

    def reset(self) -> None:
        """Forget all messages, calls and opt-outs."""
        self._desk = Desk(self._world, self._fates())
        self._voice = VoiceDesk(self._world)

    def _fates(self) -> Fates:
        return Fates(self._world.decisions, self._world.settings.mix.get(self.name))

    def _account(self, call: Call) -> Account | None:
        user, password = _credentials(call.headers.get("Authorization", ""))
        sid = self.account_of(call)
        # An API key (SK…) may act for any account here; whose key it is, the sandbox cannot know.
        if not password or password in self._world.settings.refused_tokens or not (user == sid or user[:2] == "SK"):
            return None
        return _account(sid, password)

    def _messages(self, account: Account, call: Call) -> Answer:
        if call.method == "POST":
            order = read_order(call.body)
            return order if isinstance(order, Answer) else self._desk.accept(account, order)
        if call.method == "GET":
            return list_messages(self._desk.log, account.sid, call.query, time.time())
        return problem(20004)

    def _one(self, account: Account, call: Call, sid: str) -> Answer:
        message = self._desk.log.get(account.sid, sid)
        if message is None:
            return problem(20404, call.path)
        now = time.time()
        if call.method == "POST":
            return self._update(message, call, now)
        if call.method == "DELETE":
            if message.status(now) in {"accepted", "queued", "sending"}:
                return problem(20009, sid)
            self._desk.log.remove(message)
            return Answer(204, b"")
        return _shown(message, now) if call.method == "GET" else problem(20004)

    def _update(self, message: Message, call: Call, now: float) -> Answer:
        """Cancel what has not left yet, or take the text away; nothing else about a message can be changed."""
        form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("Status", "canceled") != "canceled":
            return problem(20001, f"Status: {form['Status']}")
        if form.get("Body"):
            return problem(20001, "Body: it can only be set to an empty text")
        if "Status" in form:
            if message.inbound or message.status(now) not in {"scheduled", "accepted", "queued"}:
                return problem(30409)
            message.canceled = True
        if "Body" in form:
            message.body = ""
        return _shown(message, now)


def _shown(message: Message, now: float) -> Answer:
    return Answer(200, json.dumps(message.view(now)).encode())


@lru_cache(maxsize=256)
def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


@lru_cache(maxsize=256)
def _account(sid: str, token: str) -> Account:
    """One object per account and password, shared by all its messages."""
    return Account(sid, token)
