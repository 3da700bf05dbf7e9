"""Where calls are placed and stopped, and where it is laid out when their webhooks are due."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from functools import partial

from clarion.sandbox.callbacks import Render, until_told
from clarion.sandbox.calls import PhoneCall
from clarion.sandbox.conversation import is_ended_by_agent, mood
from clarion.sandbox.retell.calls import RetellCall
from clarion.sandbox.retell.errors import problem
from clarion.sandbox.retell.orders import EVENTS, Order
from clarion.sandbox.retell.webhooks import tell
from clarion.sandbox.vendor import Answer, World

ANALYSIS_TAKES = 3.0
"""Seconds from the end of a call to its analysis, before the time scale applies."""
KEY_LASTS = 3600.0
"""Seconds an idempotency key stands for its call; real ones, whatever the time scale."""
WEBHOOK_LAG = 0.005
"""Seconds a webhook is behind what it tells, so that whoever acts on it finds the same here."""
HASTY_PATIENCE = 2.0
"""Longest time (seconds) that a create's answer is held back so that the first webhook comes before it."""
BUSY_LINES = "You have reached your concurrency limit, please wait for ongoing calls to end."


class Keys:
    """Idempotency keys and the calls they stand for."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], tuple[RetellCall, float]] = {}

    def call(self, account: str, key: str, now: float) -> RetellCall | None:
        """Find the call that was placed with this key in the last hour."""
        known = self._calls.get((account, key))
        return known[0] if known and now - known[1] < KEY_LASTS else None

    def keep(self, account: str, key: str, call: RetellCall, now: float) -> None:
        """Remember which call a key stands for."""
        self._calls[account, key] = (call, now)


class Desk:
    """All calls placed through Retell."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[str, RetellCall] = {}
        self._keys = Keys()

    def of(self, account: str) -> Iterable[RetellCall]:
        """All calls of an account, oldest first."""
        return (call for call in self._calls.values() if call.phone.account == account)

    def find(self, account: str, call_id: str) -> RetellCall | None:
        """Find one of an account's calls."""
        call = self._calls.get(call_id)
        return call if call and call.phone.account == account else None

    async def place(self, account: str, order: Order) -> Answer:
        """Place a call, or answer with the one its idempotency key stands for, or refuse."""
        now = time.time()
        if order.idempotency_key is not None:
            known = self._keys.call(account, order.idempotency_key, now)
            if known is not None:
                return Answer(201, _body(known, now))
        refused = self._refused(account, order, now)
        if refused is not None:
            return refused
        call = self._accept(account, order)
        if order.idempotency_key is not None:
            self._keys.keep(account, order.idempotency_key, call, now)
        # The answer tells of the moment of acceptance, before anything rings.
        body = _body(call, call.phone.placed_at - 0.001)
        told = self._plan(call, now)
        if told and call.phone.fate.hasty:
            await until_told(call.told, HASTY_PATIENCE)
        return Answer(201, body, effect=True, cut=call.phone.is_answer_lost)

    def stop(self, call: RetellCall) -> Answer:
        """Hang up. A call that is over cannot be stopped any more."""
        now = time.time()
        if not self._world.calls.hang_up(call.phone):
            return problem(400, "Call is not ongoing, it cannot be stopped.")
        ends = [("call_ended", 0.0), ("call_analyzed", call.analysis_takes)]
        self._schedule(call, [(now + lag, event) for event, lag in ends], now, natural=False)
        return Answer(204, b"")

    def _refused(self, account: str, order: Order, now: float) -> Answer | None:
        limit = self._world.settings.max_calls
        if order.honor_internal_dnc and self._asked_never_again(account, order.to_number, now):
            self._world.calls.effects.opted_out_refusals += 1
            return problem(400, f"Contact {order.to_number} is marked do not call.")
        if self._world.calls.fate(order.to_number).refused:
            return problem(400, f"to_number: {order.to_number} cannot be called")
        if limit is not None and self._world.calls.going(account) >= limit:
            return problem(429, BUSY_LINES)
        return None

    def _asked_never_again(self, account: str, number: str, now: float) -> bool:
        return any(call.phone.to == number and call.phone.asked_never_again(now) for call in self.of(account))

    def _accept(self, account: str, order: Order) -> RetellCall:
        world, settings = self._world, order.agent_override.agent
        phone: PhoneCall = world.calls.place(
            # From real randomness even with a seed: a restarted sandbox must not hand out known ids again.
            f"call_{secrets.token_hex(14)}",
            account=account,
            to=order.to_number,
            sender=order.from_number,
            longest=settings.max_call_duration_ms / 1000,
            order={},
            ring=settings.ring_duration_ms / 1000,
        )
        scale = world.settings.time_scale
        person, by_agent = mood(phone, world.decisions), is_ended_by_agent(phone, world.decisions)
        call = RetellCall(phone, order, person, by_agent, ANALYSIS_TAKES * scale)
        self._calls[phone.id] = call
        return call

    def _plan(self, call: RetellCall, now: float) -> bool:
        """Lay out the webhooks of a call that is left alone; whether there are any."""
        phone = call.phone
        if phone.fate.silent:
            return False
        due = [(phone.ends_at, "call_ended"), (call.analysed_at, "call_analyzed")]
        if phone.answers_at is not None:
            due.insert(0, (phone.answers_at, "call_started"))
        answered = now if phone.fate.hasty else now + self._world.settings.latency_ms / 1000
        return self._schedule(call, [(max(at, answered), event) for at, event in due], now, natural=True)

    def _schedule(self, call: RetellCall, due: list[tuple[float, str]], now: float, *, natural: bool) -> bool:
        settings = call.order.agent_override.agent
        url = settings.webhook_url or self._world.settings.webhook_urls.get("retell")
        if not url or call.phone.fate.silent:
            return False
        wanted = EVENTS if settings.webhook_events is None else settings.webhook_events
        plan: list[tuple[float, Render]] = [
            (at - now + WEBHOOK_LAG, partial(tell, call, event, url, natural=natural))
            for at, event in due
            if event in wanted
        ]
        self._world.callbacks.schedule(self._world.faults, plan)
        return bool(plan)


def _body(call: RetellCall, now: float) -> bytes:
    return json.dumps(call.view(now)).encode()
