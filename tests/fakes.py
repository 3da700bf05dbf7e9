"""A campaign in memory, in place of store and provider: activities under the real names that keep counts only."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.exceptions import ApplicationError

from clarion.contracts import (
    CampaignRef,
    ChunkOrder,
    ChunkReport,
    ImportOrder,
    Pacing,
    PacingChange,
    RetryOrder,
    SettleOrder,
    Snapshot,
    StatusChange,
)
from clarion.domain.attempt import NEVER
from clarion.domain.books import Books
from clarion.domain.target import CLAIMABLE, Outcome, TargetState

DELIVERED = "delivered"
REFUSED = "refused"
LATER = "later"
RECEIPT = "receipt"
LOST = "lost"
BROKEN = "broken"
SHUT = "shut"
"""What a contact comes to: done, failed for good, tried again, a receipt is awaited, nobody knows, the account is
refused, and (no contact at all) its window never opens. A target that has no word left is delivered."""

LOOK = 0.02
"""Seconds between two looks of an activity that waits."""


@dataclass(slots=True)
class SimulatedTarget:
    """One target and what its next contacts come to."""

    words: deque[str]
    state: TargetState = TargetState.PENDING
    outcome: str = ""
    due_at: float = 0.0
    claimed: bool = False


@dataclass(slots=True)
class SimulatedCampaign:
    """Everything a campaign's activities would keep in the store."""

    server_clock: Callable[[], Awaitable[float]]
    """Gives epoch seconds, as the Temporal server has them."""
    ahead: float = 0.0
    """Seconds that our clock is ahead of it: no server skips time while an activity waits, so we do."""
    files: dict[int, Sequence[Sequence[str]]] = field(default_factory=dict)
    """Per audience file the words of each row."""
    retry_after: float = 1800.0
    grace: float = 20.0
    targets: list[SimulatedTarget] = field(default_factory=list)
    imported: set[int] = field(default_factory=set)
    open: bool = False
    halt: str = ""
    lanes: int = 0
    lanes_peak: int = 0
    contacts: int = 0
    statuses: list[StatusChange] = field(default_factory=list)
    pacings: list[Pacing] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)
    """Promises that the workflow broke; each test looks at the end."""
    failures: dict[str, list[ApplicationError]] = field(default_factory=dict)
    """Per activity what its next executions fail with."""
    held: dict[str, int] = field(default_factory=dict)
    """Activities that do not get on until `let_go`, and after how many contacts."""
    skips_time: bool = True
    """Whether settling sets our clock ahead to the next due time."""
    claimable: Sequence[TargetState] = CLAIMABLE
    """States of targets that count as due when nobody has claimed them."""

    @property
    def activities(self) -> list[Callable[..., Awaitable[object]]]:
        """What a worker registers."""
        return [
            self.import_audience,
            self.dispatch_message_chunk,
            self.record_status,
            self.change_pacing,
            self.requeue_failed,
            self.cancel_remaining,
            self.settle,
            self.close_books,
        ]

    def hold(self, name: str, contacts: int = 0) -> None:
        """Stop executions of an activity half-way, once there were so many contacts."""
        self.held[name] = contacts

    def let_go(self, name: str) -> None:
        """Let them go on."""
        self.held.pop(name, None)

    def receipts(self) -> None:
        """The provider's last word on every accepted contact arrives."""
        for target in self.targets:
            if target.state is TargetState.ACTIVE:
                word = target.words.popleft() if target.words else DELIVERED
                settled = TargetState.SUCCEEDED if word == DELIVERED else TargetState.FAILED
                _settle(target, settled, Outcome.DELIVERED if word == DELIVERED else Outcome.UNDELIVERED)

    async def clock(self) -> float:
        """Epoch seconds."""
        return await self.server_clock() + self.ahead

    @property
    def books(self) -> Books:
        """The targets, counted."""
        return Books.of(len(self.targets), Counter(target.state for target in self.targets))

    async def snapshot(self) -> Snapshot:
        """What every activity returns."""
        dues = [t.due_at for t in self.targets if t.state in self.claimable and not t.claimed and t.due_at < NEVER]
        outcomes = Counter(t.outcome for t in self.targets if t.outcome)
        return Snapshot(
            as_of=await self.clock(), books=self.books, outcomes=outcomes, next_due_at=min(dues) if dues else None
        )

    @activity.defn
    async def import_audience(self, order: ImportOrder) -> Snapshot:
        async with self._doing("import_audience"):
            if order.file_id not in self.imported:
                rows = self.files[order.file_id]
                half = len(rows) // 2
                self._add(rows[:half])
                await self._while_held("import_audience")
                self._add(rows[half:])
                self.imported.add(order.file_id)
            return await self.snapshot()

    @activity.defn
    async def dispatch_message_chunk(self, order: ChunkOrder) -> ChunkReport:
        async with self._doing("dispatch_message_chunk"):
            self._wrong_if(self.running["settle"] > 0, "a chunk runs while the settling looks out")
            self._wrong_if(self.running["cancel_remaining"] > 0, "a chunk runs while targets are cancelled")
            self.lanes += order.lanes
            self.lanes_peak = max(self.lanes_peak, self.lanes)
            mine: list[SimulatedTarget] = []
            try:
                mine = self._claim(order.size, await self.clock())
                taken = await self._work(mine)
            finally:
                self.lanes -= order.lanes
                for target in mine:
                    target.claimed = False
            return ChunkReport(number=order.number, worked=taken, halt=self.halt, snapshot=await self.snapshot())

    @activity.defn
    async def record_status(self, change: StatusChange) -> Snapshot:
        async with self._doing("record_status"):
            await self._while_held("record_status")
            last = self.statuses[-1].status if self.statuses else None
            self._wrong_if(last is not None and last.is_final and change.status is not last, f"{last} is not the end")
            self.statuses.append(change)
            if change.open is not None:
                self.open = change.open
            if change.open:
                self.halt = ""
            return await self.snapshot()

    @activity.defn
    async def change_pacing(self, change: PacingChange) -> Snapshot:
        async with self._doing("change_pacing"):
            await self._while_held("change_pacing")
            self.pacings.append(change.pacing)
            return await self.snapshot()

    @activity.defn
    async def requeue_failed(self, order: RetryOrder) -> int:
        async with self._doing("requeue_failed"):
            await self._while_held("requeue_failed")
            wanted = order.retry.outcomes or ("failed", "undelivered")
            failed = [t for t in self.targets if t.state is TargetState.FAILED and t.outcome in wanted]
            for target in failed:
                target.state, target.due_at = TargetState.WAITING, await self.clock()
            return len(failed)

    @activity.defn
    async def cancel_remaining(self, campaign: CampaignRef) -> Snapshot:
        async with self._doing("cancel_remaining"):
            self._wrong_if(self.lanes > 0, "targets are cancelled while chunks run")
            for target in self.targets:
                if target.state in {TargetState.PENDING, TargetState.WAITING}:
                    _settle(target, TargetState.CANCELLED, target.outcome)
            return await self.snapshot()

    @activity.defn
    async def settle(self, order: SettleOrder) -> Snapshot:
        async with self._doing("settle"):
            self._wrong_if(self.lanes > 0, "the settling looks out while chunks run")
            until = await self.clock() + order.seconds
            while True:
                if not order.await_receipts:
                    self.receipts()
                snapshot = await self.snapshot()
                due = snapshot.next_due_at is not None and snapshot.next_due_at <= snapshot.as_of
                awaited = snapshot.books.active > 0 or snapshot.next_due_at is not None
                if due or not awaited or snapshot.as_of >= until:
                    return snapshot
                if self.skips_time and snapshot.books.active == 0 and snapshot.next_due_at is not None:
                    self.ahead += min(snapshot.next_due_at, until) - snapshot.as_of
                await look()

    @activity.defn
    async def close_books(self, campaign: CampaignRef) -> Snapshot:
        async with self._doing("close_books"):
            await self._while_held("close_books")
            return await self.snapshot()

    @asynccontextmanager
    async def _doing(self, name: str) -> AsyncIterator[None]:
        self.calls[name] += 1
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        self.running[name] += 1
        try:
            yield
        finally:
            self.running[name] -= 1

    async def _while_held(self, name: str) -> None:
        while name in self.held and self.contacts >= self.held[name]:
            await look()

    def _add(self, rows: Iterable[Sequence[str]]) -> None:
        for words in rows:
            due_at = NEVER if SHUT in words else 0.0
            self.targets.append(SimulatedTarget(deque(words), due_at=due_at))

    def _claim(self, size: int, now: float) -> list[SimulatedTarget]:
        allowed = CLAIMABLE if self.open else (TargetState.UNKNOWN,)
        due = [t for t in self.targets if t.state in allowed and t.due_at <= now and not t.claimed]
        for target in due[:size]:
            target.claimed = True
        return due[:size]

    async def _work(self, mine: Sequence[SimulatedTarget]) -> int:
        taken = 0
        for target in mine:
            await self._while_held("dispatch_message_chunk")
            if target.state is not TargetState.UNKNOWN:
                if not self.open:
                    break
                self.contacts += 1
            taken += 1
            await self._hear(target)
        await self._while_held("dispatch_message_chunk")
        return taken

    async def _hear(self, target: SimulatedTarget) -> None:
        match target.words.popleft() if target.words else DELIVERED:
            case "refused":
                _settle(target, TargetState.FAILED, Outcome.FAILED)
            case "later":
                target.state, target.due_at = TargetState.WAITING, await self.clock() + self.retry_after
            case "receipt":
                target.state, target.due_at = TargetState.ACTIVE, NEVER
            case "lost":
                target.state, target.due_at = TargetState.UNKNOWN, await self.clock() + self.grace
            case "broken":
                self.open, self.halt = False, "the account is refused"
            case _:
                _settle(target, TargetState.SUCCEEDED, Outcome.DELIVERED)

    def _wrong_if(self, broken: bool, what: str) -> None:
        if broken:
            self.wrongs.append(what)


def _settle(target: SimulatedTarget, state: TargetState, outcome: str) -> None:
    target.state, target.outcome, target.due_at = state, outcome, NEVER


async def look() -> None:
    """Let a moment pass, with a sign of life."""
    activity.heartbeat()
    await asyncio.sleep(LOOK)
