"""One execution of a chunk of texts: a few lanes share the claimed targets, one target at a time each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from activities.failures import in_thread
from activities.pacing import GATE_SECONDS, sleep_unless
from activities.tools import Tools
from clarion.contracts import ChunkOrder
from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, ClarionError
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
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import (
    Answer,
    Backoff,
    Entry,
    GiveUp,
    Granted,
    Halt,
    Intend,
    Postpone,
    Record,
    Refusal,
    TooEarly,
    Withdraw,
)

log = logging.getLogger(__name__)

LAST_WORDS = 20.0
"""Seconds that texts under way get to end when their chunk is called off."""

LOOKUP_PAUSE = 10.0
"""Seconds before a lookup that could not be made is tried again."""

UNAVAILABLE_PAUSE = 2.0
"""Seconds before a target is tried again when no connection could be made."""

ASK_AGAIN = 5.0
"""Longest time in seconds between two questions for a slot: limits may have been raised, the campaign paused."""

LONGEST_WAIT = 300.0
"""Seconds beyond its own that a chunk waits for its next slot, so that a slow campaign does not wear out chunks."""

WATCH = 0.5
"""Seconds between two looks at the campaign's gate while lanes wait."""


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
    _fence: int = 0
    _queue: deque[ClaimedTarget] = field(default_factory=deque)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody new is contacted; what is unknown is still looked up."""
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing new is begun."""
    _template: Template | None = None
    _notes: list[asyncio.Future[Answer]] = field(default_factory=list)

    async def work(self, opened: OpenChunk) -> None:
        """Run the lanes. Called off, let the texts under way come to their end first. Raises what a lane raised."""
        self._template = Template.parse(self.spec.message) if self.spec.message else None
        self._fence = opened.fence
        self._queue.extend(opened.left)
        await self._claim(self.order.size - opened.taken)
        until = self.tools.clock() + self.order.seconds
        lanes = [asyncio.create_task(self._lane(until)) for _ in range(min(self.order.lanes, len(self._queue)))]
        if not lanes:
            return
        try:
            async with self._watching_the_gate():
                await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.stop()
            await _end(lanes)
            await asyncio.gather(*self._notes, return_exceptions=True)
        for lane in lanes:
            lane.result()
        for note in self._notes:
            note.result()

    def stop(self) -> None:
        """Begin nothing new."""
        self._closed.set()
        self._stopped.set()

    async def _claim(self, wanted: int) -> None:
        if wanted > 0 and not self._stopped.is_set():
            key, claims = self.order.campaign.key, self.tools.store.claims
            now = self.tools.clock()
            self._queue.extend(await in_thread(claims.claim, key, self.order.number, self._fence, wanted, now))

    @asynccontextmanager
    async def _watching_the_gate(self) -> AsyncIterator[None]:
        """Close the chunk soon after the campaign was closed, however far away the lanes' next slots are."""

        async def watch() -> None:
            while not self._closed.is_set():
                await sleep_unless(self._closed, WATCH)
                try:
                    open_ = await self.tools.gate.is_open(self.order.campaign.key)
                except ClarionError:
                    continue  # the database is away for a moment; no intent is written meanwhile either
                if not open_:
                    self._closed.set()

        watching = asyncio.create_task(watch(), name="watch the gate")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _lane(self, until: float) -> None:
        while self._queue and not self._stopped.is_set() and self.tools.clock() < until:
            target = self._queue.popleft()
            if target.state is TargetState.UNKNOWN:
                await self._look_up(target)
            elif not self._closed.is_set():
                await self._contact(target, until)
            self.done += 1

    async def _contact(self, target: ClaimedTarget, until: float) -> None:
        text = self._text(target)
        if text is None or self._put_off(target):
            return
        cost = round(self.sending.price_per_segment * target.segments * 1e6)
        granted = await self._granted(Intend(target.key, self._fence, cost), until)
        if granted is None:
            return
        if not await self.tools.turnstile.pass_at(granted.slot_at, granted.spacings, self._closed):
            self._withdraw(granted.attempt, self.tools.clock(), "called off before its slot")
        elif why := await self._too_late(target, granted):
            self._withdraw(granted.attempt, self.tools.clock(), why)
        else:
            await self._send(OutgoingText(str(granted.attempt), target.address, text), granted.attempt)

    async def _granted(self, intend: Intend, until: float) -> Granted | None:
        """Ask until the next slot is near enough to be reserved; None when this target is not for this lane now."""
        clock = self.tools.clock
        while not self._closed.is_set():
            answer = await self.tools.ledger.submit(intend)
            match answer:
                case Granted():
                    return answer
                case TooEarly(slot_at) if slot_at <= until + LONGEST_WAIT:
                    await sleep_unless(self._closed, min(slot_at - clock(), ASK_AGAIN))
                case TooEarly() | Refusal.CLOSED | Refusal.BUDGET:
                    self._closed.set()
                case _:
                    return None
        return None

    async def _send(self, text: OutgoingText, attempt: AttemptId) -> None:
        now = self.tools.clock()
        try:
            verdict = await self.sending.messenger.send(text)
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
        except Exception:
            # A fault of ours or the library's over this one text must not stop the others, and may have sent it.
            log.exception("sending attempt %s failed in an unexpected way", attempt)
            verdict = Verdict(Outcome.UNKNOWN, final=False, detail="sending failed in an unexpected way")
        self._note(Record(attempt, verdict))

    async def _look_up(self, target: ClaimedTarget) -> None:
        tools, claims = self.tools, self.tools.store.claims
        attempt = await in_thread(claims.attempt, target.key, target.attempts)
        known = await in_thread(claims.known_references, target.address)
        text = OutgoingText(str(attempt.id), target.address, self._text(target) or "")
        try:
            verdict = await self.sending.messenger.find(text, attempt.intended_at, known)
        except ProviderError as error:
            if isinstance(error, AccountBroken):
                self._halt(str(error))
            waited = tools.clock() - attempt.intended_at
            due_at = NEVER if waited > tools.timing.unknown_deadline else tools.clock() + LOOKUP_PAUSE
            self._note(Postpone(target.key, self._fence, due_at, "lookup", f"could not be looked up: {error}"))
            return
        if verdict is None:
            self._withdraw(attempt.id, tools.clock(), "looked up at the provider: it never arrived there")
        else:
            self._note(Record(attempt.id, verdict))

    def _put_off(self, target: ClaimedTarget) -> bool:
        """Whether a target must not be contacted now; it is then given up or due later."""
        now, fence = self.tools.clock(), self._fence
        opening = self._opening(target, now)
        if self.spec.validity is not None and now > self.started_at + self.spec.validity:
            why = "its validity ran out before it could be contacted"
            self._note(GiveUp(target.key, fence, Outcome.EXPIRED, why))
        elif opening is None:
            self._note(GiveUp(target.key, fence, Outcome.EXPIRED, "its window never opens"))
        elif opening > now:
            self._note(Postpone(target.key, fence, opening, "window", "outside its window"))
        else:
            return False
        return True

    def _opening(self, target: ClaimedTarget, now: float) -> float | None:
        window = self.spec.window
        if window is None:
            return now
        zones: tuple[str, ...] = ()
        if window.time_zone == TARGET:
            zones = (target.time_zone,) if target.time_zone else candidate_zones(target.address)
        return next_opening(window, zones, now)

    async def _too_late(self, target: ClaimedTarget, granted: Granted) -> str:
        """Why an intent must not be used any more, or nothing."""
        tools, now = self.tools, self.tools.clock()
        if now > granted.slot_at + tools.timing.intent_slack:
            return "its slot has passed"
        if self._opening(target, now) != now:
            return "its window closed before its slot"
        if now - granted.as_of >= GATE_SECONDS / 2:
            if not await tools.gate.is_open(self.order.campaign.key):
                self._closed.set()
                return "the campaign was closed before its slot"
            tenant = self.order.campaign.tenant
            if await in_thread(tools.store.suppressions.among, tenant, [target.address]):
                return "the person opted out before its slot"
        return ""

    def _text(self, target: ClaimedTarget) -> str | None:
        """Return what to send; None for a target that cannot be filled in, which is given up."""
        if target.text is not None:
            return target.text
        try:
            return self._template.render(json.loads(target.variables)) if self._template else ""
        except BadInput as error:
            if target.state is not TargetState.UNKNOWN:
                self._note(GiveUp(target.key, self._fence, Outcome.REJECTED_CONTENT, str(error)))
            return None

    def _withdraw(self, attempt: AttemptId, due_at: float, why: str) -> None:
        self._note(Withdraw(attempt, due_at, "retry", why))

    def _halt(self, why: str) -> None:
        self.stop()
        self._note(Halt(self.order.campaign.key, why))

    def _note(self, entry: Entry) -> None:
        # Not awaited: the next intent of this lane goes into the same commit, which halves the waiting.
        self._notes.append(self.tools.ledger.submit(entry))


async def _end(lanes: list[asyncio.Task[None]]) -> None:
    """Let lanes end by themselves, and cut off those that take too long; their attempts are then unknown."""
    _, late = await asyncio.wait(lanes, timeout=LAST_WORDS)
    for lane in late:
        lane.cancel()
    if late:
        await asyncio.wait(late)
