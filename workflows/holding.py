"""The same loop for calls: lanes come from the account, and each is held by one call for minutes.

Nobody knows at any moment how many targets are due: the last chunk that ended has told how many were never tried and
when the next one is due. So lanes are asked for, and chunks started, for what is known; beyond that a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignState, ChunkReport, Snapshot
    from clarion.domain.campaign import CampaignStatus
    from workflows import policies
    from workflows.dispatching import Dispatching
    from workflows.lanes import Lanes
    from workflows.sharing import Sharing
    from workflows.steering import Steering


class Holding(Dispatching):
    """Hands out chunks to the lanes that the account grants, and gives lanes back that have nothing to do."""

    def __init__(
        self,
        state: CampaignState,
        steering: Steering,
        lanes: Lanes,
        sharing: Sharing,
        note: Callable[[Snapshot], None],
    ) -> None:
        """``note`` keeps a snapshot."""
        super().__init__(state, steering, lanes, sharing, note)
        self._wish: int | None = None
        """Number of the last chunk when somebody changed something: those after it tell whether a target is due now."""
        self._handed_out = 0
        """Chunks started since the last snapshot."""
        self._trials = 0
        """Times in a row that chunks were started without knowing how many targets are due."""
        self._not_before = 0.0
        """Epoch seconds before which no further chunk is tried."""
        self._empty = 0
        """Chunks in a row that found nothing to do."""

    async def run(self) -> None:
        """Keep the lanes busy until nothing is due and no call is under way; sit out a pause."""
        self._not_before, worked = 0.0, 0
        while True:
            self._hear_wish()
            if self._is_stopped():
                if not self._lanes.busy:
                    if not self._state.paused or self._steering.is_long:
                        break
                    await self._sit_out()
                    continue
            elif self._may_be_due() and (self._lanes.busy or self._startable()):
                await self._start_chunks()
            elif not self._lanes.busy:
                break
            self._give_back()
            await self._wait()
            worked += self._take_reports()
            if not self._may_be_due():
                self._trials = 0
        self._count_round(worked)

    def rest(self) -> None:
        """Say which lanes are worth keeping while nothing runs: for what is due soon."""
        self._sharing.want(self._needed())

    def _hear_wish(self) -> None:
        if not self._steering.look_again:
            return
        self._steering.look_again = False
        snapshot = self._state.snapshot
        if not snapshot.as_of or snapshot.books.open + snapshot.books.unknown + snapshot.books.failed:
            self._wish, self._trials, self._not_before = self._state.chunks_started, 0, 0.0

    async def _sit_out(self) -> None:
        self._sharing.want(0)
        await workflow.wait_condition(lambda: not self._state.paused or self._steering.is_long)

    async def _start_chunks(self) -> None:
        self._sharing.want(self._needed())
        if self._sharing.allowed == 0 and not self._lanes.busy and not await self._is_granted():
            return
        if self._sharing.allowed <= self._lanes.taken:
            return
        await self._steering.open_gate()
        if self._steering.is_stopped:
            return
        upto = min(self._sharing.allowed, self._lanes.taken + self._startable())
        is_trial, before = self._known_due() == 0, self._state.chunks_started
        self._state.chunks_started = self._lanes.fill(upto, self._left(), before)
        started = self._state.chunks_started - before
        self._handed_out += started
        if started:
            self._trials += is_trial
            self._not_before = workflow.time() + policies.TRIAL_WAIT

    async def _is_granted(self) -> bool:
        """Whether there is any lane; until then the campaign shows that it waits, unless the answer comes at once."""
        if self._steering.phase is not CampaignStatus.QUEUED:
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: (
                        self._sharing.allowed > 0
                        or self._sharing.queued
                        or self._steering.look_again
                        or self._is_stopped()
                    ),
                    timeout=policies.ANSWER_WAIT,
                    timeout_summary="awaiting lanes",
                )
        granted = self._sharing.allowed > 0
        if not granted and not self._is_stopped():
            self._steering.queue(self._sharing.reason)
        return granted

    def _give_back(self) -> None:
        """Give back lanes that cannot be used, and call off those that must not go on."""
        if self._steering.is_long:
            self._lanes.shrink(0)  # the next run goes on with as many lanes
        elif self._steering.is_stopped:
            # No need to call anything off: the store takes no new contacts, so every lane ends with its call. Temporal
            # would not try a chunk again that was called off, and its call would be nobody's if its worker died.
            self._sharing.want(0)
        else:
            self._sharing.want(self._needed())
            self._lanes.shrink(self._sharing.allowed)

    async def _wait(self) -> None:
        """Wait for the end of a chunk, a wish, other lanes, or for the time at which another target is due."""
        standing, at = self._standing(), self._next_try()
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._steering.look_again or self._lanes.any_done or self._standing() != standing,
                timeout=None if at is None else max(policies.SHORTEST_WAIT, at - workflow.time()),
                timeout_summary="looks for targets that are due",
            )

    def _take_reports(self) -> int:
        reports = self._collect()
        for report in reports:
            self._learn(report)
        return sum(report.worked for report in reports)

    def _learn(self, report: ChunkReport) -> None:
        self._handed_out = 0
        if report.worked:
            self._empty, self._not_before = 0, 0.0
        if self._wish is not None:
            if report.number <= self._wish:
                return
            self._wish = None
        if report.worked:
            return
        self._empty, self._trials = self._empty + 1, 0
        pause = min(policies.FRUITLESS_WAIT, policies.SHORTEST_WAIT * 2.0 ** min(self._empty, 10))
        self._not_before = workflow.time() + pause

    def _may_be_due(self) -> bool:
        return self._wish is not None or self._is_due()

    def _known_due(self) -> int:
        """Targets that were never tried and that no lane is on its way to."""
        books = self._state.snapshot.books
        return max(0, books.pending - self._handed_out) if self._is_due() else 0

    def _startable(self) -> int:
        """Chunks that are worth starting now."""
        known = self._known_due()
        if (known == 0 or self._empty) and workflow.time() < self._not_before:
            return 0
        return max(known, self._trial)

    @property
    def _trial(self) -> int:
        """Chunks to start where nobody knows how many targets are due: one by one at first, then twice as many."""
        return 1 << max(0, min(self._trials, 10) - 1)

    def _left(self) -> int:
        books = self._state.snapshot.books
        return books.pending + books.waiting

    def _needed(self) -> int:
        """Lanes that could be used now. Some too many are kept: each change costs messages on both sides."""
        busy, books = self._lanes.taken, self._state.snapshot.books
        more = 0
        if self._may_be_due():
            many = self._trials > policies.SMALL_TRIALS
            more = self._left() if many else max(self._known_due(), self._trial)
        elif self._is_soon(policies.KEEP_LANES):
            more = 1
        if self._wish is None:
            more = min(more, books.open + books.unknown)
        needed = min(self._state.lanes, busy + more)
        slack = max(1, self._state.lanes // 10)
        kept = min(self._state.wants, self._state.lanes)
        return kept if needed <= kept <= needed + slack and (busy or more) else needed

    def _is_soon(self, seconds: float) -> bool:
        due = self._state.snapshot.next_due_at
        return due is not None and due <= workflow.time() + seconds

    def _next_try(self) -> float | None:
        """When to look again without being told; None when only an event can change anything."""
        due = self._state.snapshot.next_due_at
        if self._is_stopped() or self._lanes.taken >= self._state.lanes or (due is None and self._wish is None):
            return None
        idle = self._sharing.allowed > self._lanes.taken
        if self._may_be_due():
            return self._not_before if idle else None
        if due is None or self._is_soon(policies.KEEP_LANES):
            return due if idle else None
        return due - policies.KEEP_LANES

    def _standing(self) -> tuple[int, bool, str]:
        return self._sharing.allowed, self._sharing.queued, self._sharing.reason
