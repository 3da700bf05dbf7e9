"""Where calls are placed, and where it is laid out when their one webhook is due. Nobody can hang up from outside."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from functools import partial

from clarion.sandbox.callbacks import Post, Render, until_told
from clarion.sandbox.conversation import is_ended_by_agent, mood
from clarion.sandbox.elevenlabs.conversations import Conversation
from clarion.sandbox.elevenlabs.errors import problem
from clarion.sandbox.elevenlabs.orders import E164, Order
from clarion.sandbox.elevenlabs.webhooks import tell
from clarion.sandbox.vendor import Answer, Json, World

ANALYSIS_TAKES = 3.0
"""Seconds from the end of a call to its analysis, before the time scale applies."""
WEBHOOK_LAG = 0.005
"""Seconds a webhook is behind what it tells, so that whoever acts on it finds the same here."""
HASTY_TALK = 1.0
"""Seconds that somebody talks whose call has to be over before its create is answered."""
HASTY_PATIENCE = 2.0
"""Seconds that such an answer waits for a webhook that is overdue."""


class Desk:
    """All conversations of the vendor."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._conversations: dict[str, Conversation] = {}

    def newest_first(self, account: str) -> Iterator[Conversation]:
        """All conversations of an account."""
        return (one for one in reversed(self._conversations.values()) if one.phone.account == account)

    def find(self, account: str, conversation_id: str) -> Conversation | None:
        """Find one of an account's conversations."""
        found = self._conversations.get(conversation_id)
        return found if found and found.phone.account == account else None

    async def place(self, account: str, order: Order) -> Answer:
        """Place a call, or say that it cannot be: ``success`` is false then, with the status of a success."""
        limit = self._world.settings.max_calls
        fate = self._world.calls.fate(order.to_number)
        if not E164.fullmatch(order.to_number) or fate.refused:
            return _answer({
                "success": False,
                "message": f"Failed to initiate call: {order.to_number} is not a number that can be called.",
                "conversation_id": None,
                "callSid": None,
            })  # fmt: skip
        if limit is not None and self._world.calls.going(account) >= limit:
            return problem("too_many_concurrent_requests")
        conversation = self._accept(account, order)
        delay = self._plan(conversation)
        if delay is not None and fate.hasty:
            await until_told(conversation.told, delay + HASTY_PATIENCE)
        said: dict[str, Json] = {
            "success": True,
            "message": "Call initiated successfully",
            "conversation_id": conversation.phone.id,
            "callSid": conversation.call_sid,
        }
        return _answer(said, effect=True, cut=conversation.phone.is_answer_lost)

    def _accept(self, account: str, order: Order) -> Conversation:
        world = self._world
        hasty = world.calls.fate(order.to_number).hasty
        phone = world.calls.place(
            # From real randomness even with a seed: a restarted sandbox must not hand out known ids again.
            f"conv_{secrets.token_hex(14)}",
            account=account,
            to=order.to_number,
            sender=order.agent_phone_number_id,
            longest=min(order.longest, HASTY_TALK) if hasty else order.longest,
            order={},
            ring=order.telephony_call_config.ringing_timeout_secs,
        )
        conversation = Conversation(
            phone,
            f"CA{secrets.token_hex(16)}",
            order,
            mood(phone, world.decisions),
            is_ended_by_agent(phone, world.decisions),
            ANALYSIS_TAKES * world.settings.time_scale,
        )
        self._conversations[phone.id] = conversation
        return conversation

    def _plan(self, conversation: Conversation) -> float | None:
        """Lay out its webhook; returns after how many seconds it is due, None where there is none."""
        settings, fate = self._world.settings, conversation.phone.fate
        url = settings.webhook_urls.get("elevenlabs")
        if not url or fate.silent:
            return None
        now = time.time()
        answered = now if fate.hasty else now + settings.latency_ms / 1000
        delay = max(conversation.analysed_at, answered) - now + WEBHOOK_LAG
        plan: list[tuple[float, Render]] = [(delay, partial(self._tell, conversation, url))]
        self._world.callbacks.schedule(self._world.faults, plan)
        return delay

    def _tell(self, conversation: Conversation, url: str) -> Post:
        return tell(conversation, url, self._world.settings.webhook_secret)


def _answer(said: dict[str, Json], *, effect: bool = False, cut: bool = False) -> Answer:
    return Answer(200, json.dumps(said).encode(), effect=effect, cut=cut)
