"""The vendor ``exotel``, its voice API version 1: routes, authentication, placing calls and telling of them.

Read from Exotel's documentation pages on their own; shares no code with the client's side. JSON only: without ``.json``
Exotel itself answers in XML. It has no way to hang up, and its callbacks carry no signature.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import math
import secrets
import time
from collections.abc import Mapping
from functools import lru_cache, partial
from urllib.parse import parse_qsl

from clarion.sandbox.callbacks import Render
from clarion.sandbox.exotel.calls import ExotelCall
from clarion.sandbox.exotel.errors import problem
from clarion.sandbox.exotel.listing import list_calls
from clarion.sandbox.exotel.orders import BadOrder, read_order
from clarion.sandbox.exotel.webhooks import news
from clarion.sandbox.vendor import Answer, Call, ControlError, Refusal, World

PREFIX = "/v1/Accounts/"
NEWS_LAG = 0.005
"""Seconds a callback is behind what it tells, so that whoever acts on it finds that here."""
TOLD_WITHIN = 2.0
"""Seconds that a hasty number holds back the create's answer for its first webhook to arrive."""
REFUSED_CALLER: Mapping[str, int] = {"0402": 402, "0403": 403}
"""Last four digits of a CallerId that is refused, and the status: no balance; not allowed to call (KYC, DND)."""


class ExotelApi:
    """The vendor ``exotel``."""

    name = "exotel"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[str, ExotelCall] = {}

    async def answer(self, call: Call) -> Answer:
        """Route and authenticate."""
        account = self.account_of(call)
        if not self._may(call):
            return problem(401, headers={"WWW-Authenticate": 'Basic realm="Exotel API"'})
        match (call.method, *call.path.split("/")[4:]):
            case ("POST", "Calls", "connect.json"):
                return await self._create(account, call)
            case ("GET", "Calls.json"):
                return list_calls(reversed(self._calls.values()), account, call.query, time.time())
            case ("GET", "Calls", name) if name.endswith(".json"):
                return self._one(account, name[:-5], call)
            case _:
                return problem(404)

    def account_of(self, call: Call) -> str:
        """Return the account sid in the path."""
        return call.path[len(PREFIX) :].partition("/")[0]

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Word a fault as Exotel does; ``Retry-After`` in whole seconds."""
        match refusal:
            case Refusal.RATE_LIMITED | Refusal.TOO_MANY_AT_ONCE:
                return problem(429, headers={"Retry-After": str(math.ceil(self._world.faults.now.retry_after))})
            case Refusal.SUSPENDED:
                return problem(403, f"Account {self.account_of(call)} is suspended")
            case Refusal.OUTAGE:
                return problem(503)
            case Refusal.SERVER_ERROR:
                return problem(500)

    def inbound(self, sender: str, to: str, body: str) -> str:
        """Raise ControlError: this vendor takes no texts here."""
        message = f'nobody can write to {to} from {sender} ("{body}"): "{self.name}" takes no texts in this sandbox'
        raise ControlError(message)

    def settle(self) -> None:
        """Nothing of the settings is kept here."""

    def reset(self) -> None:
        """Forget all calls."""
        self._calls = {}

    def _may(self, call: Call) -> bool:
        key, token = _credentials(call.headers.get("Authorization", ""))
        return bool(key and token) and token not in self._world.settings.refused_tokens

    async def _create(self, account: str, request: Call) -> Answer:
        try:
            order = read_order(request.body, request.headers.get("Content-Type", ""))
        except BadOrder as error:
            return problem(400, str(error))
        board, settings = self._world.calls, self._world.settings
        if status := REFUSED_CALLER.get(order.caller_id[-4:]):
            return problem(status)
        if board.fate(order.person).refused:
            return problem(400, f"Invalid parameter {'To' if order.second else 'From'}: {order.person}")
        if settings.max_calls is not None and board.going(account) >= settings.max_calls:
            return problem(429, "Too Many Requests: no channel is free for another call")
        placed = board.place(
            secrets.token_hex(16), account=account, to=order.person, sender=order.caller_id, longest=order.limit,
            order={}, ring=order.ring,
        )  # fmt: skip
        call = ExotelCall(placed, order, settings.time_scale)
        self._calls[call.sid] = call
        # Exotel says "in-progress" to every call it takes, whether or not anybody has picked up yet.
        view = {**call.view(math.nextafter(placed.placed_at, 0.0)), "Status": "in-progress"}
        await self._plan(call)
        return Answer(200, json.dumps({"Call": view}).encode(), effect=True, cut=placed.is_answer_lost)

    async def _plan(self, call: ExotelCall) -> None:
        """Fix when callbacks are due; for a hasty number, wait until the first has come to our side."""
        placed, order = call.call, call.order
        if not order.callback or placed.fate.silent:
            return
        happenings = [("answered", placed.answers_at)] if "answered" in order.events else []
        if not order.events or "terminal" in order.events:
            happenings.append(("terminal", placed.over_at))
        told = asyncio.Event() if placed.fate.hasty and "answered" in order.events else None
        answered = placed.placed_at + (0.0 if told else self._world.settings.latency_ms / 1000)
        plan: list[tuple[float, Render]] = [
            (max(at, answered) - placed.placed_at + NEWS_LAG, partial(news, call, order.callback, event, at, told))
            for event, at in happenings
            if at is not None
        ]
        self._world.callbacks.schedule(self._world.faults, plan)
        if told is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), TOLD_WITHIN)

    def _one(self, account: str, sid: str, request: Call) -> Answer:
        call = self._calls.get(sid)
        if call is None or call.call.account != account:
            return problem(404)
        details = dict(parse_qsl(request.query)).get("details", "").lower() == "true"
        return Answer(200, json.dumps({"Call": call.view(time.time(), details=details)}).encode())


@lru_cache(maxsize=256)
def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        key, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return key, token
