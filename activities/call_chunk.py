"""One execution of a chunk of calls: a single lane that takes up one target at a time and sees its call through."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections import deque
from dataclasses import dataclass, field

from activities.call_lane import NEVER_PLACED, Calling, HeldCall, Patience
from activities.call_watch import CallWatch
from activities.contact_rules import LONGEST_WAIT, LOOKUP_PAUSE, ContactRules
from activities.failures import in_thread
from activities.tools import Tools
from clarion.contracts import ChunkOrder
from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.call import CallSpec, CallWord, Script, ScriptWriter
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome, TargetState
from clarion.domain.template import MissingVariable
from clarion.domain.versions import version
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    OutgoingCall,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
)
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import Backoff, GiveUp, Intend, Postpone, Record
from clarion.store.rows import AttemptRow

log = logging.getLogger(__name__)

NEW = frozenset({TargetState.PENDING, TargetState.WAITING})
"""States of targets with no call under way."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a lane of calls works with, besides the tools of every lane."""

    tools: Tools
    calling: Calling
    watcher: CallWatch
    patience: Patience


@dataclass(slots=True)
class CallChunk:
    """Calls one target after the other until nothing is due, its size is done, its time is up, or it is called off."""

    desk: Desk
    order: ChunkOrder
    spec: CampaignSpec
    call_spec: CallSpec
    started_at: float
    """Epoch seconds at which the campaign started: its validity counts from there."""
    done: int = 0
    _rules: ContactRules = field(init=False)
    _writers: dict[str | None, ScriptWriter] = field(default_factory=dict, init=False)
    """Those of the variants that have been called for, by name."""
    _left: deque[ClaimedTarget] = field(default_factory=deque)
    _room: int = 0
    _doing: str = ""
    _call: HeldCall | None = None
    _holding: asyncio.Task[None] | None = None
    _handing_over: bool = False

    def __post_init__(self) -> None:
        """Begin with nothing called off."""
        self._rules = ContactRules(self.desk.tools, self.order.campaign, self.spec, self.started_at, fence=0)

    @property
    def doing(self) -> str:
        """What the lane does just now: how far its call has come."""
        return self._doing if self._call is None else self._call.stage

    def stop(self) -> None:
        """Begin nothing new, and see the call through that is under way."""
        self._rules.stop()

    def hand_over(self) -> None:
        """Begin nothing new, and leave the call that is under way to another worker."""
        self._handing_over = True
        self._rules.stop()
        if self._holding is not None:
            self._holding.cancel()

    async def work(self, opened: OpenChunk) -> bool:
        """Work through the chunk. False: a call is under way that was left to another worker."""
        self._rules.fence = opened.fence
        self._left.extend(sorted(opened.left, key=lambda target: target.state in NEW))
        self._room = self.order.size - opened.taken
        until = self.desk.tools.clock() + self.order.seconds
        try:
            async with self._rules.watching_the_gate():
                while (target := await self._next(until)) is not None:
                    if not await self._work_on(target, until):
                        return False
                    self.done += 1
        finally:
            self.stop()
            await self._rules.written()
        self._rules.raise_unwritten()
        return True

    async def _next(self, until: float) -> ClaimedTarget | None:
        tools, rules = self.desk.tools, self._rules
        if rules.stopped.is_set() or tools.clock() >= until:
            return None
        if not self._left and self._room > 0:
            self._room -= 1
            await rules.written()  # who was just given back may be due again
            this = self.order.campaign.key, self.order.number, rules.fence
            self._left.extend(await in_thread(tools.store.claims.claim, *this, 1, tools.clock()))
        target = self._left.popleft() if self._left else None
        return None if target is not None and target.state in NEW and rules.closed.is_set() else target

    async def _work_on(self, target: ClaimedTarget, until: float) -> bool:
        """See a target through. False: its call was left to another worker."""
        match target.state:
            case TargetState.ACTIVE:
                return await self._take_over(target)
            case TargetState.UNKNOWN:
                return await self._look_up(target)
            case _:
                return await self._contact(target, until)

    async def _contact(self, target: ClaimedTarget, until: float) -> bool:
        rules = self._rules
        if rules.put_off(target):
            return True
        try:
            script = self._script(target)
        except (BadInput, MissingVariable) as error:
            rules.note(GiveUp(target.key, rules.fence, Outcome.REJECTED_CONTENT, str(error)))
            return True
        self._doing = "waiting"
        price = self.desk.calling.price_per_minute * self.call_spec.max_minutes
        intend = Intend(target.key, rules.fence, math.ceil(round(price * 1e6, 3)))
        granted = await rules.granted(intend, until + LONGEST_WAIT)
        if granted is None or not await rules.is_turn(target, granted):
            return True
        self._doing = "placing"
        held = self._held(target, script, granted.attempt, granted.as_of, granted.slot_at)
        return not await self._is_placed(held) or await self._hold(held)

    async def _is_placed(self, held: HeldCall) -> bool:
        """Place a call; whether it is under way, or may be."""
        rules, now = self._rules, self.desk.tools.clock()
        try:
            word = await self.desk.calling.dialer.place(held.call)
        except Rejected as error:
            rules.note(Record(held.attempt, error.verdict))
            return False
        except (RateLimited, Unavailable, AccountBroken) as error:
            rules.not_contacted(held.attempt, error, now)
            return False
        except OutcomeUnknown as error:
            log.info("whether attempt %s was placed has to be found out: %s", held.attempt, error)
        except Exception:
            # A fault of ours or the library's over this one call must not stop the others, and may have placed it.
            log.exception("placing attempt %s failed in an unexpected way", held.attempt)
        else:
            await held.record(word)
            return word.verdict.outcome is Outcome.PLACED
        rules.note(Backoff(self.order.campaign.key, None))
        return True

    async def _take_over(self, target: ClaimedTarget) -> bool:
        """Go on with a call that another execution has left; it is never placed again from here."""
        row = await self._attempt(target)
        return await self._hold(self._held_again(target, row), ask_at_once=True)

    async def _look_up(self, target: ClaimedTarget) -> bool:
        row = await self._attempt(target)
        held = self._held_again(target, row)
        try:
            word = await held.ask()
        except (ProviderError, NotFound) as error:
            if isinstance(error, AccountBroken):
                self._rules.halt(str(error))
            self._ask_later(target, row, f"could not be looked up: {error}")
            return True
        except Exception:
            log.exception("looking attempt %s up failed in an unexpected way", row.id)
            self._ask_later(target, row, "could not be looked up")
            return True
        if word is None:
            self._rules.withdraw(row.id, self.desk.tools.clock(), NEVER_PLACED)
        elif self._is_undecided(word, held):
            self._ask_later(target, row, "looked up at the provider, which does not know its end yet")
        else:
            await held.record(word)
            return word.verdict.outcome is not Outcome.PLACED or await self._hold(held)
        return True

    def _is_undecided(self, word: CallWord, held: HeldCall) -> bool:
        """Whether a word does not help: nothing is known, or the call should have ended long ago and has not."""
        outcome = word.verdict.outcome
        overdue = self.desk.tools.clock() >= held.deadline
        return outcome is Outcome.UNKNOWN or (outcome is Outcome.PLACED and overdue)

    def _ask_later(self, target: ClaimedTarget, row: AttemptRow, why: str) -> None:
        tools, fence = self.desk.tools, self._rules.fence
        waited = tools.clock() - row.intended_at
        # Calls that went astray are asked for more and more seldom, and in the end not at all.
        due_at = tools.clock() + max(LOOKUP_PAUSE, waited / 10)
        due_at = NEVER if waited > tools.timing.unknown_deadline else due_at
        self._rules.note(Postpone(target.key, fence, due_at, "lookup", why))

    async def _hold(self, held: HeldCall, *, ask_at_once: bool = False) -> bool:
        """Hold a call to its end. False: it goes on, and is left to another worker."""
        if self._handing_over:
            return False
        self._call = held
        self._holding = asyncio.create_task(held.hold(self.desk.watcher, ask_at_once=ask_at_once), name="hold a call")
        try:
            await asyncio.wait([self._holding])
            if self._holding.cancelled():
                return False
            self._holding.result()
            return True
        finally:
            self._call, self._holding, self._doing = None, None, ""

    async def _attempt(self, target: ClaimedTarget) -> AttemptRow:
        self._doing = "looking it up"
        return await in_thread(self.desk.tools.store.claims.attempt, target.key, target.attempts)

    def _held_again(self, target: ClaimedTarget, row: AttemptRow) -> HeldCall:
        try:
            script = self._script(target)
        except (BadInput, MissingVariable):
            script = Script()  # it was placed with another version of the campaign; what it said does not matter now
        held = self._held(target, script, row.id, row.intended_at, row.slot_at)
        held.reference = row.provider_reference
        return held

    def _held(
        self, target: ClaimedTarget, script: Script, attempt: AttemptId, intended_at: float, slot_at: float
    ) -> HeldCall:
        spec, desk = self.call_spec, self.desk
        longest = 60.0 * spec.max_minutes
        call = OutgoingCall(str(attempt), target.address, spec.from_number, script, longest, spec.machine)
        patience = desk.patience
        return HeldCall(self._rules, desk.calling, patience, call, attempt, intended_at, slot_at, spec.longest)

    def _script(self, target: ClaimedTarget) -> Script:
        """Return what a call is given. Raises BadInput, MissingVariable."""
        own = json.loads(target.text) if target.text else {}
        return self._writer(target.variant).write(json.loads(target.variables), own)

    def _writer(self, variant: str | None) -> ScriptWriter:
        writer = self._writers.get(variant)
        if writer is None:
            call = version(self.spec, variant).call if variant is not None else self.call_spec
            writer = self._writers[variant] = ScriptWriter(call or self.call_spec)
        return writer
