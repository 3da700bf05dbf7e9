"""Campaigns that call, in memory: lanes that hold one call at a time, and a line that counts the calls of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from clarion.contracts import CampaignInput, CampaignRef, ChunkOrder, ChunkReport, Snapshot, StatusChange
from clarion.domain.attempt import NEVER
from clarion.domain.target import CLAIMABLE, Outcome, TargetState
from tests.fakes import LOOK, SimulatedCampaign, SimulatedTarget, look

LONG = "long"
"""A call that goes on until somebody ends it, or hangs up; the next word says what it came to."""

DAY = 86400.0
HANDED_OVER = timedelta(seconds=0.1)


@dataclass(slots=True)
class Line:
    """What the provider of an account sees: calls of all campaigns, at once."""

    going: int = 0
    most: int = 0

    def begin(self) -> None:
        """One more call."""
        self.going += 1
        self.most = max(self.most, self.going)


@dataclass
class SimulatedCalls(SimulatedCampaign):
    """Everything that the activities of a campaign of calls would keep in the store and at the provider."""

    skips_time: bool = False
    claimable: Sequence[TargetState] = (TargetState.ACTIVE, *CLAIMABLE)
    line: Line = field(default_factory=Line)
    lasting: float = 0.01
    """Seconds that a call takes which is not LONG."""
    hung_up: bool = False
    ended: int = 0
    """LONG calls that are to end."""
    leaving: int = 0
    """Chunks that have learned that they are called off, and hold their last call."""
    empty: int = 0
    """Chunks that found nothing to do."""
    taken_again: int = 0
    """Calls that another execution has gone on with."""
    frozen: bool = False
    """Lanes give no signs of life, as if their worker were gone."""
    child: CampaignInput | None = None
    """The campaign that follows this one."""
    chunks: dict[int, int] = field(default_factory=dict)
    """By the id of a target, the number of the chunk that took it up."""
    fenced: dict[int, int] = field(default_factory=dict)
    """By the id of a target, the execution that may work on it."""
    fences: int = 0

    @property
    def activities(self) -> list[Callable[..., Awaitable[object]]]:
        """What a worker registers."""
        return [*super().activities, self.dispatch_call_chunk, self.create_fallback]

    @property
    def under_way(self) -> int:
        """Calls that have not ended."""
        return self.books.active

    def end_calls(self, number: int = 1) -> None:
        """End so many LONG calls, those of chunks that are called off first."""
        self.ended += number

    def receipts(self) -> None:
        """Calls end by themselves: nothing is awaited after them."""

    async def snapshot(self) -> Snapshot:
        """What every activity returns."""
        plain = await super().snapshot()
        return plain.model_copy(update={"under_way": self.under_way})

    @activity.defn
    async def record_status(self, change: StatusChange) -> Snapshot:
        """Hang up when it is wished; take no note of the campaign that follows."""
        if self.child is not None and change.campaign == self.child.campaign:
            return Snapshot(as_of=await self.clock())
        self.hung_up = self.hung_up or change.hang_up
        return await super().record_status(change)

    @activity.defn
    async def dispatch_call_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Make one call after the other, and hold each to its end, whatever Temporal asks for."""
        async with self._doing("dispatch_call_chunk"), self._lane(order):
            self._wrong_if(order.lanes != 1, "a chunk of calls has more than one lane")
            self._wrong_if(self.running["settle"] > 0, "a chunk runs while the settling looks out")
            self._wrong_if(self.running["cancel_remaining"] > 0, "a chunk runs while targets are cancelled")
            called_off = asyncio.Event()
            working = asyncio.create_task(self._call(order, called_off))
            while not working.done():
                try:
                    await asyncio.wait([working])
                except asyncio.CancelledError:
                    self.leaving += not called_off.is_set()
                    called_off.set()
            self.leaving -= called_off.is_set()
            if working.cancelled():
                message = "this worker stops, or has lost its chunk, while a call is under way"
                raise ApplicationError(message, type="WorkerShutdown", next_retry_delay=HANDED_OVER)
            worked = working.result()
            self.empty += worked == 0
            return ChunkReport(number=order.number, worked=worked, halt=self.halt, snapshot=await self.snapshot())

    @activity.defn
    async def create_fallback(self, campaign: CampaignRef) -> CampaignInput:
        """Create the campaign of texts that follows, which begins tomorrow."""
        async with self._doing("create_fallback"):
            texts = CampaignRef(tenant=campaign.tenant, campaign_id=f"{campaign.campaign_id}.texts", key=-campaign.key)
            self.child = CampaignInput(campaign=texts, name="the texts", start_at=await self.clock() + DAY)
            return self.child

    @asynccontextmanager
    async def _lane(self, order: ChunkOrder) -> AsyncIterator[None]:
        self.lanes += order.lanes
        self.lanes_peak = max(self.lanes_peak, self.lanes)
        try:
            yield
        finally:
            self.lanes -= order.lanes

    async def _call(self, order: ChunkOrder, called_off: asyncio.Event) -> int:
        until = await self.clock() + order.seconds
        mine = [t for t in self.targets if t.claimed and self.chunks.get(id(t)) == order.number]
        self.taken_again += len(mine)
        self.fences += 1
        fence, taken = self.fences, 0
        while mine or (taken < order.size and not called_off.is_set()):
            now = await self.clock()
            target = mine.pop() if mine else self._next(now) if now < until else None
            if target is None:
                break
            target.claimed, self.chunks[id(target)], self.fenced[id(target)] = True, order.number, fence
            taken += 1
            await self._see_through(target, fence, called_off)
            target.claimed = False
        return taken

    def _next(self, now: float) -> SimulatedTarget | None:
        allowed = self.claimable if self.open else (TargetState.ACTIVE, TargetState.UNKNOWN)
        due = [t for t in self.targets if t.state in allowed and t.due_at <= now and not t.claimed]
        return min(due, key=lambda target: self.claimable.index(target.state), default=None)

    async def _see_through(self, target: SimulatedTarget, fence: int, called_off: asyncio.Event) -> None:
        if target.state is not TargetState.UNKNOWN:
            if target.state is not TargetState.ACTIVE:
                self.contacts += 1
                self.line.begin()
                target.state, target.due_at = TargetState.ACTIVE, 0.0
            await self._hold(target, fence, called_off)
            self.line.going -= 1
        if self.hung_up:
            target.state, target.outcome, target.due_at = TargetState.FAILED, Outcome.CANCELLED, NEVER
            return
        await self._hear(target)
        if target.state is TargetState.ACTIVE:
            target.state = TargetState.PENDING  # the account was refused: nobody was called

    async def _hold(self, target: SimulatedTarget, fence: int, called_off: asyncio.Event) -> None:
        """Wait for the end of a call."""
        until = await self.clock() + self.lasting
        is_long = bool(target.words) and target.words[0] == LONG
        while not self.hung_up and (is_long or await self.clock() < until):
            if is_long and self.ended > 0 and (called_off.is_set() or not self.leaving):
                self.ended -= 1
                break
            if self.frozen:
                await asyncio.sleep(LOOK)
            else:
                await look()
            if self.fenced[id(target)] != fence or activity.is_worker_shutdown():
                raise asyncio.CancelledError
        if is_long:
            target.words.popleft()
