"""ElevenLabs' phone calls through Twilio: routes, authentication, and what each request does.

Read from ElevenLabs' OpenAPI description on its own; shares no code with the client's side. There is no way to hang
up: the vendor has no such endpoint for these calls.
"""

from __future__ import annotations

import json
import math
import time

from pydantic import ValidationError

from clarion.sandbox.elevenlabs.desk import Desk
from clarion.sandbox.elevenlabs.errors import malformed, problem
from clarion.sandbox.elevenlabs.listing import list_conversations
from clarion.sandbox.elevenlabs.orders import Order
from clarion.sandbox.vendor import Answer, Call, ControlError, Refusal, World

PREFIX = "/v1/convai/"


class ElevenLabsApi:
    """The vendor ``elevenlabs``."""

    name = "elevenlabs"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._desk = Desk(world)

    async def answer(self, call: Call) -> Answer:
        """Route and authenticate."""
        account = self.account_of(call)
        if not account or account in self._world.settings.refused_tokens:
            return problem("invalid_api_key" if account else "needs_authorization")
        match (call.method, *call.path[len(PREFIX) :].split("/")):
            case ("POST", "twilio", "outbound-call"):
                return await self._place(account, call.body)
            case ("GET", "conversations"):
                return list_conversations(self._desk.newest_first(account), call.query, time.time())
            case ("GET", "conversations", conversation_id):
                return self._one(account, conversation_id)
            case _:
                return problem("not_found")

    def account_of(self, call: Call) -> str:
        """Return the API key: whoever uses the same one shares a workspace."""
        return call.headers.get("xi-api-key", "")

    def refuse(self, refusal: Refusal, call: Call) -> Answer:  # noqa: ARG002 -- worded alike whatever was asked
        """Word a fault as ElevenLabs does."""
        match refusal:
            case Refusal.RATE_LIMITED:
                wait = str(math.ceil(self._world.faults.now.retry_after))
                return problem("system_busy", headers={"Retry-After": wait})
            case Refusal.TOO_MANY_AT_ONCE:
                return problem("too_many_concurrent_requests")
            case Refusal.SUSPENDED:
                return problem("quota_exceeded")
            case Refusal.OUTAGE:
                return problem("service_unavailable")
            case Refusal.SERVER_ERROR:
                return problem("internal_server_error")

    def inbound(self, sender: str, to: str, body: str) -> str:  # noqa: ARG002 -- none is taken
        """Raise ControlError: nobody writes to a number at ElevenLabs here."""
        message = f'nobody can write to {to} from {sender}: "{self.name}" takes no texts in this sandbox'
        raise ControlError(message)

    def settle(self) -> None:
        """Nothing here depends on settings beyond the moment they are used."""

    def reset(self) -> None:
        """Forget all conversations."""
        self._desk = Desk(self._world)

    async def _place(self, account: str, body: bytes) -> Answer:
        try:
            order = Order.model_validate_json(body or b"null")
        except ValidationError as error:
            return malformed(error, "body")
        return await self._desk.place(account, order)

    def _one(self, account: str, conversation_id: str) -> Answer:
        found = self._desk.find(account, conversation_id)
        if found is None:
            return problem("conversation_not_found", conversation_id)
        return Answer(200, json.dumps(found.view(time.time())).encode())
