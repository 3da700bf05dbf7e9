"""One execution of a chunk of texts: a few lanes share the claimed targets, one target at a time each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from dataclasses import dataclass, field

from activities.contact_rules import LONGEST_WAIT, LOOKUP_PAUSE, ContactRules
from activities.failures import in_thread
from activities.tools import Tools
from clarion.contracts import ChunkOrder
from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome, TargetState
from clarion.domain.template import MissingVariable, Template
from clarion.providers.ports import (
    AccountBroken,
    Messenger,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
)
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import GiveUp, Intend, Postpone, Record

log = logging.getLogger(__name__)

LAST_WORDS = 20.0
"""Seconds that texts under way get to end when their chunk is called off."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What sending needs to know about an account."""

    messenger: Messenger
    price_per_segment: float


@dataclass(slots=True)
class MessageChunk:
    """Works on a chunk until nothing is due, its size is done, its time is up, or it is called off."""

    tools: Tools
    sending: Sending
    order: ChunkOrder
    spec: CampaignSpec
    started_at: float
    """Epoch seconds at which the campaign started: its validity counts from there."""
    done: int = 0
    _queue: deque[ClaimedTarget] = field(default_factory=deque)
    _template: Template | None = None
    _rules: ContactRules = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing called off."""
        self._rules = ContactRules(self.tools, self.order.campaign, self.spec, self.started_at, fence=0)

    async def work(self, opened: OpenChunk) -> None:
        """Run the lanes. Called off, let the texts under way come to their end first. Raises what a lane raised."""
        self._template = Template.parse(self.spec.message) if self.spec.message else None
        self._rules.fence = opened.fence
        self._queue.extend(opened.left)
        await self._claim(self.order.size - opened.taken)
        until = self.tools.clock() + self.order.seconds
        lanes = [asyncio.create_task(self._lane(until)) for _ in range(min(self.order.lanes, len(self._queue)))]
        if not lanes:
            return
        try:
            async with self._rules.watching_the_gate():
                await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.stop()
            await _end(lanes)
            await self._rules.written()
        for lane in lanes:
            lane.result()
        self._rules.raise_unwritten()

    def stop(self) -> None:
        """Begin nothing new."""
        self._rules.stop()

    async def _claim(self, wanted: int) -> None:
        if wanted > 0 and not self._rules.stopped.is_set():
            key, claims = self.order.campaign.key, self.tools.store.claims
            fence, now = self._rules.fence, self.tools.clock()
            self._queue.extend(await in_thread(claims.claim, key, self.order.number, fence, wanted, now))

    async def _lane(self, until: float) -> None:
        rules = self._rules
        while self._queue and not rules.stopped.is_set() and self.tools.clock() < until:
            target = self._queue.popleft()
            if target.state is TargetState.UNKNOWN:
                await self._look_up(target)
            elif not rules.closed.is_set():
                await self._contact(target, until)
            self.done += 1

    async def _contact(self, target: ClaimedTarget, until: float) -> None:
        text = self._text(target)
        if text is None or self._rules.put_off(target):
            return
        cost = round(self.sending.price_per_segment * target.segments * 1e6)
        granted = await self._rules.granted(Intend(target.key, self._rules.fence, cost), until + LONGEST_WAIT)
        if granted is not None and await self._rules.is_turn(target, granted):
            await self._send(OutgoingText(str(granted.attempt), target.address, text), granted.attempt)

    async def _send(self, text: OutgoingText, attempt: AttemptId) -> None:
        now = self.tools.clock()
        try:
            verdict = await self.sending.messenger.send(text)
        except Rejected as error:
            verdict = error.verdict
        except OutcomeUnknown as error:
            verdict = Verdict(Outcome.UNKNOWN, final=False, provider_code=error.code, detail=str(error))
        except (RateLimited, Unavailable, AccountBroken) as error:
            self._rules.not_contacted(attempt, error, now)
            return
        except Exception:
            # A fault of ours or the library's over this one text must not stop the others, and may have sent it.
            log.exception("sending attempt %s failed in an unexpected way", attempt)
            verdict = Verdict(Outcome.UNKNOWN, final=False, detail="sending failed in an unexpected way")
        self._rules.note(Record(attempt, verdict))

    async def _look_up(self, target: ClaimedTarget) -> None:
        tools, rules, claims = self.tools, self._rules, self.tools.store.claims
        attempt = await in_thread(claims.attempt, target.key, target.attempts)
        known = await in_thread(claims.known_references, target.address)
        text = OutgoingText(str(attempt.id), target.address, self._text(target) or "")
        try:
            verdict = await self.sending.messenger.find(text, attempt.intended_at, known)
        except ProviderError as error:
            if isinstance(error, AccountBroken):
                rules.halt(str(error))
            waited = tools.clock() - attempt.intended_at
            due_at = NEVER if waited > tools.timing.unknown_deadline else tools.clock() + LOOKUP_PAUSE
            rules.note(Postpone(target.key, rules.fence, due_at, "lookup", f"could not be looked up: {error}"))
            return
        if verdict is None:
            rules.withdraw(attempt.id, tools.clock(), "looked up at the provider: it never arrived there")
        else:
            rules.note(Record(attempt.id, verdict))

    def _text(self, target: ClaimedTarget) -> str | None:
        """Return what to send; None for a target that cannot be filled in, which is given up."""
        if target.text is not None:
            return target.text
        try:
            return self._template.render(json.loads(target.variables)) if self._template else ""
        except (BadInput, MissingVariable) as error:
            if target.state is not TargetState.UNKNOWN:
                self._rules.note(GiveUp(target.key, self._rules.fence, Outcome.REJECTED_CONTENT, str(error)))
            return None


async def _end(lanes: list[asyncio.Task[None]]) -> None:
    """Let lanes end by themselves, and cut off those that take too long; their attempts are then unknown."""
    _, late = await asyncio.wait(lanes, timeout=LAST_WORDS)
    for lane in late:
        lane.cancel()
    if late:
        await asyncio.wait(late)
