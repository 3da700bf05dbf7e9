"""What every lane keeps to before it contacts somebody, whatever the channel, and what it notes when it could not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from activities.failures import in_thread
from activities.pacing import GATE_SECONDS, sleep_unless
from activities.tools import Tools
from clarion.contracts import CampaignRef
from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import ClarionError
from clarion.domain.phone import candidate_zones
from clarion.domain.target import Outcome
from clarion.domain.window import TARGET, next_opening
from clarion.providers.ports import AccountBroken, RateLimited, Scope, Unavailable
from clarion.store.claims import ClaimedTarget
from clarion.store.entries import (
    Answer,
    Backoff,
    Entry,
    GiveUp,
    Granted,
    Halt,
    Intend,
    Postpone,
    Refusal,
    TooEarly,
    TooOften,
    Withdraw,
)

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

Refused = RateLimited | Unavailable | AccountBroken
"""What a provider says when it provably contacted nobody, for reasons that other targets share."""


@dataclass(slots=True)
class ContactRules:
    """The rules of one campaign, as the lanes of one chunk have to keep them."""

    tools: Tools
    campaign: CampaignRef
    spec: CampaignSpec
    started_at: float
    """Epoch seconds at which the campaign started: its validity counts from there."""
    fence: int
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody new is contacted; what is unknown is still looked up."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing new is begun."""
    notes: list[asyncio.Future[Answer]] = field(default_factory=list)
    """Answers of the ledger that nobody waits for before the chunk ends."""

    def stop(self) -> None:
        """Begin nothing new."""
        self.closed.set()
        self.stopped.set()

    @asynccontextmanager
    async def watching_the_gate(self) -> AsyncIterator[None]:
        """Close the chunk soon after the campaign was closed, however far away the lanes' next slots are."""

        async def watch() -> None:
            while not self.closed.is_set():
                await sleep_unless(self.closed, WATCH)
                try:
                    open_ = await self.tools.gate.is_open(self.campaign.key)
                except ClarionError:
                    continue  # the database is away for a moment; no intent is written meanwhile either
                if not open_:
                    self.closed.set()

        watching = asyncio.create_task(watch(), name="watch the gate")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    def put_off(self, target: ClaimedTarget) -> bool:
        """Whether a target must not be contacted now; it is then given up or due later."""
        now, fence = self.tools.clock(), self.fence
        opening = self._opening(target, now)
        if self.spec.validity is not None and now > self.started_at + self.spec.validity:
            why = "its validity ran out before it could be contacted"
            self.note(GiveUp(target.key, fence, Outcome.EXPIRED, why))
        elif opening is None:
            self.note(GiveUp(target.key, fence, Outcome.EXPIRED, "its window never opens"))
        elif opening > now:
            self.note(Postpone(target.key, fence, opening, "window", "outside its window"))
        else:
            return False
        return True

    async def granted(self, intend: Intend, latest: float) -> Granted | None:
        """Ask until the next slot is near enough to be reserved; None when this target is not for this lane now.

        A slot after ``latest`` (epoch seconds) is not waited for.
        """
        clock = self.tools.clock
        while not self.closed.is_set():
            answer = await self.tools.ledger.submit(intend)
            match answer:
                case Granted():
                    return answer
                case TooEarly(slot_at) if slot_at <= latest:
                    await sleep_unless(self.closed, min(slot_at - clock(), ASK_AGAIN))
                case TooEarly() | Refusal.CLOSED | Refusal.BUDGET:
                    self.closed.set()
                case TooOften(until):
                    why = "called as often as one person may be called in a day"
                    self.note(Postpone(intend.target, intend.fence, until, "daily_cap", why))
                    return None
                case _:
                    return None
        return None

    async def is_turn(self, target: ClaimedTarget, granted: Granted) -> bool:
        """Wait for the slot. False: the contact must not start any more, and its intent was taken back."""
        if not await self.tools.turnstile.pass_at(granted.slot_at, granted.spacings, self.closed):
            why = "called off before its slot"
        else:
            why = await self._too_late(target, granted)
        if why:
            self.withdraw(granted.attempt, self.tools.clock(), why)
        return not why

    def not_contacted(self, attempt: AttemptId, error: Refused, asked_at: float) -> None:
        """Note that the provider, asked at ``asked_at`` (epoch seconds), refused all of us and contacted nobody."""
        match error:
            case RateLimited():
                until = asked_at + error.retry_after
                if error.scope is not Scope.TARGET:
                    self.note(Backoff(self.campaign.key, until))
                self.withdraw(attempt, until, str(error))
            case Unavailable():
                self._note_failure(asked_at)
                self.withdraw(attempt, asked_at + UNAVAILABLE_PAUSE, str(error))
            case AccountBroken():
                self.halt(str(error))
                self.withdraw(attempt, asked_at, str(error))

    def _note_failure(self, asked_at: float) -> None:
        """Note that the channel failed. Those that were on their way at the last failure tell nothing new.

        Counted one by one, a moment in which fifty lanes lose their connections would hold everybody for a minute.
        """
        failed_at, key = self.tools.failed_at, self.campaign.key
        if asked_at >= failed_at.get(key, 0.0):
            failed_at[key] = self.tools.clock()
            self.note(Backoff(key, None))

    def withdraw(self, attempt: AttemptId, due_at: float, why: str) -> None:
        """Note that nobody was contacted."""
        self.note(Withdraw(attempt, due_at, "retry", why))

    def halt(self, why: str) -> None:
        """Begin nothing new, and close the campaign for everybody."""
        self.stop()
        self.note(Halt(self.campaign.key, why))

    def note(self, entry: Entry) -> None:
        """Hand an entry to the ledger."""
        # Not awaited: the next intent of this lane goes into the same commit, which halves the waiting.
        self.notes.append(self.tools.ledger.submit(entry))

    async def written(self) -> None:
        """Wait until every note has an answer."""
        await asyncio.gather(*self.notes, return_exceptions=True)

    def raise_unwritten(self) -> None:
        """Raise what the ledger raised over a note."""
        for note in self.notes:
            note.result()

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
            if not await tools.gate.is_open(self.campaign.key):
                self.closed.set()
                return "the campaign was closed before its slot"
            if await in_thread(tools.store.suppressions.among, self.campaign.tenant, [target.address]):
                return "the person opted out before its slot"
        return ""
