"""Retell's phone call endpoints: routes, authentication, and what each request does.

Read from Retell's API reference on its own; shares no code with the client's side.
"""

from __future__ import annotations

import json
import math
import time

from clarion.sandbox.retell.desk import Desk
from clarion.sandbox.retell.errors import problem
from clarion.sandbox.retell.listing import list_calls
from clarion.sandbox.retell.orders import read_order
from clarion.sandbox.vendor import Answer, Call, ControlError, Refusal, World

BASE = 20
"""Calls at once that every workspace may make without buying more."""
WITHOUT_LIMIT = 10_000
"""The concurrency limit that is told where the sandbox has none."""


class RetellApi:
    """The vendor ``retell``."""

    name = "retell"
    prefixes: tuple[str, ...] = (
        "/v2/create-phone-call", "/v2/get-call/", "/v2/stop-call/", "/v3/list-calls", "/get-concurrency",
    )  # fmt: skip

    def __init__(self, world: World) -> None:
        self._world = world
        self._desk = Desk(world)

    async def answer(self, call: Call) -> Answer:
        """Route and authenticate."""
        account = self.account_of(call)
        if not account or account in self._world.settings.refused_tokens:
            return problem(401)
        match (call.method, *call.path.split("/")[1:]):
            case ("POST", "v2", "create-phone-call"):
                order = read_order(call.body)
                return order if isinstance(order, Answer) else await self._desk.place(account, order)
            case ("GET", "v2", "get-call", call_id) | ("POST", "v2", "stop-call", call_id):
                return self._one(account, call_id, stop=call.method == "POST")
            case ("POST", "v3", "list-calls"):
                return list_calls(self._desk.of(account), call.body, time.time())
            case ("GET", "get-concurrency"):
                return self._concurrency(account)
            case _:
                return problem(404)

    def account_of(self, call: Call) -> str:
        """Return the API key: whoever uses the same one shares a workspace."""
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def refuse(self, refusal: Refusal, call: Call) -> Answer:  # noqa: ARG002 -- worded alike whatever was asked
        """Word a fault as Retell does."""
        match refusal:
            case Refusal.RATE_LIMITED:
                return problem(429, headers={"Retry-After": str(math.ceil(self._world.faults.now.retry_after))})
            case Refusal.TOO_MANY_AT_ONCE:
                return problem(429)
            case Refusal.SUSPENDED:
                return problem(402)
            case Refusal.OUTAGE:
                return problem(503)
            case Refusal.SERVER_ERROR:
                return problem(500)

    def inbound(self, sender: str, to: str, body: str) -> str:  # noqa: ARG002 -- none is taken
        """Raise ControlError: nobody writes to a number at Retell here."""
        message = f'nobody can write to {to} from {sender}: "{self.name}" takes no texts in this sandbox'
        raise ControlError(message)

    def settle(self) -> None:
        """Nothing here depends on settings beyond the moment they are used."""

    def reset(self) -> None:
        """Forget all calls and idempotency keys."""
        self._desk = Desk(self._world)

    def _one(self, account: str, call_id: str, *, stop: bool) -> Answer:
        found = self._desk.find(account, call_id)
        if found is None:
            return problem(422)
        return self._desk.stop(found) if stop else Answer(200, json.dumps(found.view(time.time())).encode())

    def _concurrency(self, account: str) -> Answer:
        limit = self._world.settings.max_calls or WITHOUT_LIMIT
        view = {
            "current_concurrency": self._world.calls.going(account),
            "concurrency_limit": limit,
            "base_concurrency": min(limit, BASE),
            "purchased_concurrency": max(0, limit - BASE),
            "concurrency_purchase_limit": max(0, limit - BASE),
            "remaining_purchase_limit": 0,
            "concurrency_burst_enabled": False,
            "concurrency_burst_limit": 0,
            "reserved_inbound_concurrency": 0,
        }
        return Answer(200, json.dumps(view).encode())
