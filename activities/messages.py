"""The activity that sends texts: claims due targets and lets a few lanes work through them, one target at a time each."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from temporalio import activity

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from activities.pacing import GATE_SECONDS, Gate, Turnstile
from clarion.contracts import ChunkOrder, ChunkReport
from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.campaign import CampaignSpec
from clarion.domain.phone import candidate_zones
from clarion.domain.target import Outcome, TargetState
from clarion.domain.template import Template
from clarion.domain.window import TARGET, next_opening
from clarion.providers.ports import (
    AccountBroken,
    Messenger,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
    Unavailable,
)
from clarion.store.ledger import (
    Answer,
    Backoff,
    GiveUp,
    Granted,
    Halt,
    Intend,
    Ledger,
    Postpone,
    Record,
    Refusal,
    Withdraw,
)
from clarion.store.store import Store
from clarion.store.targets import ClaimedTarget

LAST_WORDS = 20.0
"""Seconds that texts under way get to end when their chunk is called off."""

LOOKUP_PAUSE = 10.0
"""Seconds before a lookup that could not be made is tried again."""

UNAVAILABLE_PAUSE = 2.0
"""Seconds before a target is tried again when no connection could be made."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What sending needs to know about an account."""

    messenger: Messenger
    price_per_segment: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Spans in seconds."""

    intent_slack: float
    """An intent older than its slot by more than this is taken back."""
    unknown_deadline: float
    """After this an attempt that nobody can account for stays unknown."""


class MessageActivities:
    """Sends texts through the accounts of this installation."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        accounts: Mapping[str, Sending],
        timing: Timing,
        gate: Gate,
        turnstile: Turnstile,
        clock: Callable[[], float],
        worker: str,
    ) -> None:
        """``clock`` gives epoch seconds; ``worker`` names this process in the store."""
        self.worker = worker
        self.store = store
        self.ledger = ledger
        self.accounts = accounts
        self.timing = timing
        self.gate = gate
        self.turnstile = turnstile
        self.clock = clock

    @activity.defn
    async def dispatch_message_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Text up to ``order.size`` due targets; what it did not start goes back."""
        async with as_failures():
            campaign = await in_thread(self.store.campaigns.get, order.campaign.key)
            sending = self.accounts.get(campaign.account)
            opened = await in_thread(
                self.store.targets.open_chunk, campaign.ref.key, order.number, self.worker, self.clock()
            )
            chunk = MessageChunk(
                self, order, campaign.spec, opened.fence, started_at=campaign.started_at or self.clock()
            )
            chunk.queue.extend(opened.left)
            chunk.to_claim = max(0, order.size - opened.taken)
            if sending is None:
                why = f'account "{campaign.account}" is not set up on this worker'
                await self.ledger.submit(Halt(campaign.ref.key, why))
            else:
                await chunk.work(sending)
            now = self.clock()
            taken = await in_thread(self.store.targets.close_chunk, campaign.ref.key, order.number, opened.fence, now)
            snapshot = await in_thread(self.store.campaigns.snapshot, campaign.ref.key, self.clock())
            halt = (await in_thread(self.store.campaigns.get, campaign.ref.key)).halt
            return ChunkReport(number=order.number, worked=taken, halt=halt, snapshot=snapshot)


@dataclass(slots=True)
class MessageChunk:
    """One execution of a chunk: its lanes share the claimed targets and stop together."""

    parts: MessageActivities
    order: ChunkOrder
    spec: CampaignSpec
    fence: int
    started_at: float
    queue: deque[ClaimedTarget] = field(default_factory=deque)
    to_claim: int = 0
    stopping: bool = False
    done: int = 0
    template: Template | None = None
    records: list[asyncio.Future[Answer]] = field(default_factory=list)

    async def work(self, sending: Sending) -> None:
        """Run the lanes until nothing is due, the size is done, the time is up, or the chunk is called off."""
        self.template = Template.parse(self.spec.message) if self.spec.message else None
        until = self.parts.clock() + self.order.seconds
        await self._claim()
        lanes = [asyncio.create_task(self._lane(sending, until)) for _ in range(min(self.order.lanes, len(self.queue)))]
        async with beating(lambda: {"done": self.done, "of": self.order.size}, on_shutdown=self.stop):
            if lanes:
                try:
                    await asyncio.wait(lanes)
                finally:
                    # Called off or failed: whoever is being texted this moment still is, and the result is written.
                    self.stop()
                    await asyncio.wait(lanes, timeout=LAST_WORDS)
            await asyncio.gather(*lanes, *self.records)

    def stop(self) -> None:
        """Start nothing new."""
        self.stopping = True

    async def _claim(self) -> None:
        if self.to_claim > 0:
            claimed = await in_thread(
                self.parts.store.targets.claim,
                self.order.campaign.key,
                self.order.number,
                self.fence,
                self.to_claim,
                self.parts.clock(),
            )
            self.to_claim = 0
            self.queue.extend(claimed)

    async def _lane(self, sending: Sending, until: float) -> None:
        while self.queue and not self.stopping and self.parts.clock() < until:
            target = self.queue.popleft()
            if target.state is TargetState.UNKNOWN:
                await self._look_up(sending, target)
            else:
                await self._contact(sending, target)
            self.done += 1

    async def _contact(self, sending: Sending, target: ClaimedTarget) -> None:
        if self._put_off(target):
            return
        cost = round(sending.price_per_segment * target.segments * 1e6)
        answer = await self.parts.ledger.submit(Intend(target.key, self.fence, cost))
        if not isinstance(answer, Granted):
            self.stopping = self.stopping or answer in {Refusal.CLOSED, Refusal.BUDGET}
            return
        granted_at = self.parts.clock()
        await self.parts.turnstile.pass_at(answer.slot_at, answer.spacings)
        if why := await self._too_late(target, answer, granted_at):
            self._withdraw(answer.attempt, self.parts.clock(), why)
            return
        await self._send(sending, target, answer.attempt)

    async def _send(self, sending: Sending, target: ClaimedTarget, attempt: AttemptId) -> None:
        now = self.parts.clock()
        try:
            verdict = await sending.messenger.send(OutgoingText(str(attempt), target.address, self._text(target)))
        except Rejected as error:
            verdict = error.verdict
        except OutcomeUnknown as error:
            verdict = Verdict(Outcome.UNKNOWN, final=False, provider_code=error.code, detail=str(error))
        except RateLimited as error:
            until = now + error.retry_after
            if error.scope is not Scope.TARGET:
                self._note(Backoff(self.order.campaign.key, until))
            self._withdraw(attempt, until, str(error))
            return
        except Unavailable as error:
            self._note(Backoff(self.order.campaign.key, None))
            self._withdraw(attempt, now + UNAVAILABLE_PAUSE, str(error))
            return
        except AccountBroken as error:
            self._halt(str(error))
            self._withdraw(attempt, now, str(error))
            return
        self._note(Record(attempt, verdict))

    async def _look_up(self, sending: Sending, target: ClaimedTarget) -> None:
        parts = self.parts
        attempt = await in_thread(parts.store.targets.last_attempt, target.key, target.attempts)
        known = await in_thread(parts.store.targets.known_references, target.address)
        name = AttemptId(attempt.campaign_key, attempt.position, attempt.number)
        text = OutgoingText(str(name), target.address, self._text(target))
        try:
            verdict = await sending.messenger.find(text, attempt.intended_at, known)
        except ProviderError as error:
            if isinstance(error, AccountBroken):
                self._halt(str(error))
            waited = parts.clock() - attempt.intended_at
            due_at = NEVER if waited > parts.timing.unknown_deadline else parts.clock() + LOOKUP_PAUSE
            self._note(Postpone(target.key, self.fence, due_at, "lookup", f"could not be looked up: {error}"))
            return
        if verdict is None:
            self._withdraw(name, parts.clock(), "looked up at the provider: it never arrived there")
        else:
            self._note(Record(name, verdict))

    def _put_off(self, target: ClaimedTarget) -> bool:
        """Whether a target must not be contacted now; it is then given up or due later."""
        now = self.parts.clock()
        if self.spec.validity is not None and now > self.started_at + self.spec.validity:
            self._note(
                GiveUp(target.key, self.fence, Outcome.EXPIRED, "its validity ran out before it could be contacted")
            )
            return True
        opening = self._opening(target, now)
        if opening > now:
            detail = "outside its window" if opening < NEVER else "its window never opens"
            self._note(Postpone(target.key, self.fence, opening, "window", detail))
            return True
        return False

    def _opening(self, target: ClaimedTarget, now: float) -> float:
        window = self.spec.window
        if window is None:
            return now
        zones: tuple[str, ...] = ()
        if window.time_zone == TARGET:
            zones = (target.time_zone,) if target.time_zone else candidate_zones(target.address)
        opening = next_opening(window, zones, now)
        return NEVER if opening is None else opening

    async def _too_late(self, target: ClaimedTarget, granted: Granted, granted_at: float) -> str:
        """Why an intent must not be used any more, or nothing."""
        now = self.parts.clock()
        if now > granted.slot_at + self.parts.timing.intent_slack:
            return "its slot has passed"
        if now - granted_at >= GATE_SECONDS / 2 and not await self.parts.gate.is_open(self.order.campaign.key):
            self.stop()
            return "the campaign was closed before its slot"
        if self._opening(target, now) > now:
            return "its window closed before its slot"
        return ""

    def _text(self, target: ClaimedTarget) -> str:
        if target.text is not None:
            return target.text
        return self.template.render(json.loads(target.variables)) if self.template else ""

    def _withdraw(self, attempt: AttemptId, due_at: float, why: str) -> None:
        self._note(Withdraw(attempt, due_at, "retry", why))

    def _halt(self, why: str) -> None:
        self.stop()
        self._note(Halt(self.order.campaign.key, why))

    def _note(self, entry: Record | Withdraw | Postpone | GiveUp | Backoff | Halt) -> None:
        # Not awaited: the next intent of this lane goes into the same commit, which halves the waiting.
        self.records.append(self.parts.ledger.submit(entry))
