"""Analyses of leads in memory: a CRM that gives leads away a few at a time, and batches that end when they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from temporalio import activity

from clarion.contracts import (
    CampaignInput,
    CampaignRef,
    ChunkOrder,
    ChunkReport,
    LeadOrder,
    LeadReport,
    Snapshot,
    StatusChange,
)
from clarion.domain.attempt import NEVER
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, TargetState
from tests.fakes import SimulatedCampaign, SimulatedTarget, look

FETCH = "fetch_leads"
BATCHES = "run_batches"
WRITE = "write_back"

MISSING = "missing"
"""A lead that the CRM does not have."""
LEFT = "left"
"""A lead that its batch does not come to; the next word says what it comes to then."""

DAY = 86400.0


@dataclass
class SimulatedLeads(SimulatedCampaign):
    """Everything that the activities of an analysis of leads would keep in the store and at the providers."""

    chunk: int = 10
    """Leads that one execution of fetching brings."""
    unfetched: list[SimulatedTarget] = field(default_factory=list)
    batched: list[SimulatedTarget] = field(default_factory=list)
    """Part of a batch that has not ended."""
    live: set[int] = field(default_factory=set)
    """Ids of targets that a batch has left."""
    batches: list[int] = field(default_factory=list)
    """Sizes of all batches."""
    batches_end: bool = True
    cancelled_batches: int = 0
    written: set[int] = field(default_factory=set)
    """Ids of targets."""
    writes_back: bool = False
    child: CampaignInput | None = None
    """The campaign that follows this one."""

    @property
    def activities(self) -> list[Callable[..., Awaitable[object]]]:
        """What a worker registers."""
        return [
            *super().activities,
            self.fetch_leads,
            self.dispatch_assessment_chunk,
            self.run_batches,
            self.write_back,
            self.create_then,
        ]

    def receipts(self) -> None:
        """Nothing is awaited: a lead that is under way is part of a batch."""

    async def snapshot(self) -> Snapshot:
        """What every activity returns."""
        plain = await super().snapshot()
        waiting = [target for target in self.unfetched if target.state is TargetState.PENDING]
        figures = {"unfetched": len(waiting), "in_batches": len(self.batched), "unwritten": len(self._unwritten)}
        return plain.model_copy(update=figures)

    @activity.defn
    async def record_status(self, change: StatusChange) -> Snapshot:
        """Take no note of the campaign that follows."""
        if self.child is not None and change.campaign == self.child.campaign:
            return Snapshot(as_of=await self.clock())
        return await super().record_status(change)

    @activity.defn
    async def fetch_leads(self, order: LeadOrder) -> LeadReport:
        """Fetch one chunk."""
        async with self._doing(FETCH):
            self._wrong_if(self.running[FETCH] > 1, "leads are fetched twice at the same time")
            self._wrong_if(self.running["settle"] > 0, "leads are fetched while the settling looks out")
            if not self.open:
                return await self._report(closed=True)
            await self._while_held(FETCH)
            left = [target for target in self.unfetched if target.state is TargetState.PENDING]
            mine, self.unfetched = left[: self.chunk], left[self.chunk :]
            for target in mine:
                target.due_at = await self.clock()
                if target.words and target.words[0] == MISSING:
                    target.state, target.outcome, target.due_at = TargetState.FAILED, Outcome.NOT_FOUND, NEVER
            return await self._report(len(mine))

    @activity.defn
    async def dispatch_assessment_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Ask about leads as texts are sent."""
        self._wrong_if(bool(self.batched), "lanes ask while leads are in batches")
        self._wrong_if(order.lanes > 50, "a chunk has too many lanes")
        return await self.dispatch_message_chunk(order)

    @activity.defn
    async def run_batches(self, order: LeadOrder) -> LeadReport:
        """Fill one batch with all that is due, and take it in when it ends."""
        async with self._doing(BATCHES):
            self._wrong_if(self.running[BATCHES] > 1, "batches are looked after twice at the same time")
            self._wrong_if(self.lanes > 0, "batches are looked after while lanes ask")
            worked = 0
            while True:
                if self._is_ending:
                    self.cancelled_batches += bool(self.batched)
                elif not self.open:
                    return await self._report(worked, closed=True)
                elif due := await self._batchable():
                    self.batches.append(len(due))
                    self.batched += due
                    worked += len(due)
                    for target in due:
                        target.state, target.outcome, target.due_at = TargetState.ACTIVE, Outcome.SUBMITTED, NEVER
                if not self.batched:
                    return await self._report(worked)
                if self._is_ending or self.batches_end:
                    worked += await self._take_in()
                    continue
                await look()

    @activity.defn
    async def write_back(self, order: LeadOrder) -> LeadReport:
        """Write all answers back."""
        async with self._doing(WRITE):
            self._wrong_if(self.lanes > 0, "answers are written back while lanes ask")
            if not self.open:
                return await self._report(closed=True)
            await self._while_held(WRITE)
            if self.failures.get("halt"):
                self.open, self.halt = False, self.failures["halt"].pop().message
                return await self._report()
            mine = self._unwritten
            self.written |= {id(target) for target in mine}
            return await self._report(len(mine))

    @activity.defn
    async def create_then(self, campaign: CampaignRef) -> CampaignInput:
        """Create the campaign that follows, which begins tomorrow."""
        async with self._doing("create_then"):
            then = CampaignRef(tenant=campaign.tenant, campaign_id=f"{campaign.campaign_id}.then", key=-campaign.key)
            self.child = CampaignInput(campaign=then, name="what follows", start_at=await self.clock() + DAY)
            return self.child

    @property
    def _is_ending(self) -> bool:
        return bool(self.statuses) and self.statuses[-1].status is CampaignStatus.CANCELLING

    @property
    def _unwritten(self) -> list[SimulatedTarget]:
        if not self.writes_back:
            return []
        return [t for t in self.targets if t.state is TargetState.SUCCEEDED and id(t) not in self.written]

    async def _batchable(self) -> list[SimulatedTarget]:
        now, states = await self.clock(), {TargetState.PENDING, TargetState.WAITING}
        return [t for t in self.targets if t.state in states and t.due_at <= now and id(t) not in self.live]

    async def _take_in(self) -> int:
        mine, self.batched = self.batched, []
        for target in mine:
            if target.words and target.words[0] == LEFT:
                target.words.popleft()
                self.live.add(id(target))
                target.state, target.outcome, target.due_at = TargetState.WAITING, "", await self.clock()
            else:
                await self._hear(target)
        return len(mine)

    async def _report(self, worked: int = 0, *, closed: bool = False) -> LeadReport:
        return LeadReport(worked=worked, halt=self.halt, closed=closed, snapshot=await self.snapshot())

    def _add(self, rows: Iterable[Sequence[str]]) -> None:
        known = len(self.targets)
        super()._add(rows)
        for target in self.targets[known:]:
            target.due_at = NEVER
            self.unfetched.append(target)
