"""Where messages are accepted and their lives are laid out: when they are sent, how they end, who answers."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from functools import partial

from clarion.sandbox.callbacks import Render
from clarion.sandbox.twilio import webhooks
from clarion.sandbox.twilio.create import Order
from clarion.sandbox.twilio.errors import NEVER_LEFT, problem
from clarion.sandbox.twilio.messages import OVER, Account, Message, MessageLog
from clarion.sandbox.twilio.numbers import DELIVERED, Fate, Fates
from clarion.sandbox.twilio.optouts import OptOuts, keyword
from clarion.sandbox.twilio.segments import segments
from clarion.sandbox.vendor import Answer, World

SENT_AFTER = (0.08, 0.1)
"""Seconds from the start: at least, and how much more the slowest number takes; compressed, Twilio takes longer."""
ENDED_AFTER = (0.15, 0.3)
"""Seconds from sent to the carrier's receipt."""
REPLY_AFTER = 0.2
"""Seconds from the delivery to the person's answer."""
RECEIPT_LAG = 0.005
"""Seconds a receipt is behind the status it tells, so that whoever acts on it finds that status here."""
NOBODY = Account("AC" + "0" * 32, "sandbox")
"""Owns inbound texts to numbers that nobody has used yet."""


class Desk:
    """Accepts messages and hears what people write back."""

    def __init__(self, world: World, fates: Fates) -> None:
        self.log = MessageLog()
        self.fates = fates
        self._world = world
        self._optouts = OptOuts()
        self._service_of: dict[str, str] = {}
        self._owners: dict[str, Account] = {}

    def accept(self, account: Account, order: Order) -> Answer:
        """Accept a well-formed order, or refuse it for what its number decides."""
        now = time.time()
        fate = self.fates.of(order.to)
        if fate.refused:
            if fate.refused == 21610:
                self._world.effects.opted_out_refusals += 1
            return problem(fate.refused, order.to)
        sender = order.sender or self._number_of(order.service or "")
        if self._optouts.blocks(order.to, order.service or sender):
            self._world.effects.opted_out_refusals += 1
            return problem(21610)
        effects = self._world.effects
        nth = effects.count(order.to) + 1
        if nth > 1 and fate.passes:
            fate = Fate()
        message = self._lay_out(account, order, sender, fate, now)
        standing = sum(1 for earlier in self.log.to(order.to) if earlier.status(now) not in OVER) if nth > 1 else 0
        effects.accept(order.to, now, standing=standing, opted_out=self._optouts.any(order.to))
        self.log.add(message)
        self._owners[sender] = account
        self._plan(message, order.callback, fate, now)
        # The answer tells of the moment of acceptance: no sender yet where a Messaging Service picks it.
        body = json.dumps(message.view(now)).encode()
        return Answer(201, body, effect=True, cut=fate.answer_lost and nth == 1)

    def hear(self, person: str, to: str, body: str) -> Message:
        """Take in a text from a person to one of our numbers (or Messaging Services), and bring it to our webhook."""
        now = time.time()
        service = to if to.startswith("MG") else self._service_of.get(to)
        number = self._number_of(to) if to.startswith("MG") else to
        word = keyword(body)
        self._optouts.heard(person, number, word)
        if service:
            self._optouts.heard(person, service, word)
        message = Message(
            sid=_sid("SM"), account=self._owners.get(number, NOBODY), to=number, sender=person, service=service,
            body=body, segments=segments(body), media=0, created_at=now, starts_at=now, sent_at=now, ends_at=now,
            inbound=True,
        )  # fmt: skip
        self.log.add(message)
        url = self._world.settings.inbound_url
        if url:
            render = partial(webhooks.inbound, message, url, self._token(message), word)
            self._world.callbacks.schedule(self._world.faults, [(0.0, render)], may_be_lost=False)
        return message

    def _lay_out(self, account: Account, order: Order, sender: str, fate: Fate, now: float) -> Message:
        scale = self._world.settings.time_scale
        _, _, early, late = self._world.decisions.shares(order.to)
        starts_at = max(now, order.send_at or now)
        sent_at = starts_at + scale * (SENT_AFTER[0] + SENT_AFTER[1] * early)
        ends_at = sent_at + scale * (ENDED_AFTER[0] + ENDED_AFTER[1] * late)
        return Message(
            sid=_sid("MM" if order.media else "SM"), account=account, to=order.to, sender=sender, service=order.service,
            body=order.body, segments=segments(order.body), media=order.media, created_at=now, starts_at=starts_at,
            sent_at=sent_at, ends_at=ends_at if fate.receipt else float("inf"), code=fate.code,
        )  # fmt: skip

    def _plan(self, message: Message, callback: str | None, fate: Fate, now: float) -> None:
        """Fix when the receipts are due and when the person answers."""
        callbacks, faults = self._world.callbacks, self._world.faults
        answered = now + self._world.settings.latency_ms / 1000
        if callback:
            due = [(message.sent_at, "failed")] if message.code in NEVER_LEFT else [(message.sent_at, "sent")]
            if message.code not in NEVER_LEFT and fate.receipt:
                due.append((message.ends_at, message.last_status))
            token = self._token(message)
            plan: list[tuple[float, Render]] = [
                (max(at, answered) - now + RECEIPT_LAG, partial(webhooks.receipt, message, callback, status, token))
                for at, status in due
            ]
            callbacks.schedule(faults, plan)
        if fate.reply and message.code == DELIVERED:
            delay = message.ends_at - now + REPLY_AFTER * self._world.settings.time_scale
            callbacks.later(delay, partial(self._reply, message, fate.reply))

    def _reply(self, message: Message, text: str) -> None:
        if not message.canceled:
            self.hear(message.to, message.sender, text)

    def _number_of(self, service: str) -> str:
        """Return the one number in a Messaging Service's sender pool; every service has its own."""
        digest = int.from_bytes(hashlib.blake2b(service.encode(), digest_size=6).digest(), "big")
        number = f"+1500{digest % 10**7:07d}"
        self._service_of[number] = service
        return number

    def _token(self, message: Message) -> str:
        return self._world.settings.auth_token or message.account.token


def _sid(kind: str) -> str:
    """Make a sid. From real randomness even with a seed: a restarted sandbox must not hand out known sids again."""
    return kind + secrets.token_hex(16)
