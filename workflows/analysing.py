"""The same loop for leads: they are fetched, then asked about in batches or live, and written back at the end.

Fetching goes on beside the lanes, so that the first answers are there long before the last lead is. Where batches are
used they come first, and lanes ask live for what the batches leave over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, CampaignState, LeadReport, Snapshot
    from clarion.domain.assessment import Mode, picks_batches
    from workflows import policies
    from workflows.dispatching import Dispatching
    from workflows.errand import Errand, Errands
    from workflows.lanes import Lanes
    from workflows.sharing import Sharing
    from workflows.steering import Steering


class Analysing(Dispatching):
    """Hands out leads to lanes as they are fetched, and runs what goes on beside the lanes."""

    def __init__(
        self,
        state: CampaignState,
        steering: Steering,
        lanes: Lanes,
        sharing: Sharing,
        note: Callable[[Snapshot], None],
        errands: Errands,
        given: CampaignInput,
    ) -> None:
        """``note`` keeps a snapshot."""
        super().__init__(state, steering, lanes, sharing, note)
        self._errands = errands
        self._given = given
        if given.mode is Mode.LIVE:
            state.uses_batches = False
        self._dry = False
        """Nothing is due, as far as is known."""
        self._may_be_unfetched = True
        """No execution of fetching has come to its end since somebody may have left it half done."""
        self._batched = False
        """All that can be asked in batches has been."""
        self._cannot_write = False
        """Writing back has found nothing that it could do."""
        self._idle = 0
        """Reports in a row that found the campaign closed in the store, though it should be open."""
        self._not_before = 0.0
        """Epoch seconds before which nothing is begun again after such a report."""

    @property
    def busy(self) -> bool:
        """Whether any chunk or errand is under way."""
        return self._lanes.busy or self._errands.busy

    @property
    def all_done(self) -> bool:
        """Whether every chunk and errand has ended."""
        return self._lanes.all_done and self._errands.all_done

    @property
    def anything_left(self) -> bool:
        """Whether answers are still to be written back."""
        return self._given.writes_back and self._state.snapshot.unwritten > 0 and not self._cannot_write

    def stop(self) -> None:
        """Call off what goes on beside the lanes."""
        self._errands.call_off()

    async def run(self) -> None:
        """Fetch, ask and write back until nothing is due; sit out a pause."""
        self._dry = not (self._steering.look_again or self._is_due())
        worked = 0
        while True:
            self._hear_wish()
            if not self._is_stopped():
                await self._begin()
            elif self._collects:
                await self._collect_batches()
            else:
                self.stop()
                if not self.busy and self._state.paused and not self._steering.is_long:
                    await workflow.wait_condition(lambda: not self._state.paused or self._steering.is_long)
                    self._dry = False
                    continue
            if not self.busy and not self._is_held_up:
                break
            await self._wait()
            worked += self._take_reports()
        self._count_round(worked)

    def _hear_wish(self) -> None:
        if self._steering.look_again:
            self._steering.look_again = self._dry = self._cannot_write = self._batched = False

    async def _begin(self) -> None:
        """Begin whatever can be done now."""
        if self._is_held_up or self._wanted() is None:
            return
        await self._steering.open_gate()
        if self._is_stopped():
            return
        for errand in self._wanted() or ():
            errand.begin()
        if self._asks_live and not self._dry:
            snapshot = self._state.snapshot
            left = snapshot.books.pending + snapshot.books.waiting - snapshot.unfetched
            self._state.chunks_started = self._lanes.fill(self._sharing.allowed, left, self._state.chunks_started)

    async def _collect_batches(self) -> None:
        """End batches early and collect what has come of them, once the store knows that the campaign is cancelled."""
        self._errands.fetching.call_off()
        self._errands.writing.call_off()
        await workflow.wait_condition(lambda: self._steering.is_written)
        self._errands.batching.begin()

    def _wanted(self) -> tuple[Errand, ...] | None:
        """What should go on beside the lanes; None when not even the lanes have anything to do."""
        snapshot = self._state.snapshot
        if self._may_be_unfetched or snapshot.unfetched > 0:
            wanted: tuple[Errand, ...] = (self._errands.fetching,)
        else:
            self._decide()
            wanted = ()
        if self._state.uses_batches and not self._batched:
            return (*wanted, self._errands.batching)
        asks = self._asks_live and not self._dry
        if not (wanted or asks or self._lanes.busy or snapshot.books.open) and self.anything_left:
            return (self._errands.writing,)
        return wanted if wanted or asks else None

    def _decide(self) -> None:
        """Decide once all is fetched whether leads are asked about in batches."""
        if self._state.uses_batches is None and not self._errands.fetching.busy:
            books = self._state.snapshot.books
            left = books.pending + books.waiting
            self._state.uses_batches = picks_batches(self._given.mode, self._given.within, left)

    @property
    def _asks_live(self) -> bool:
        uses = self._state.uses_batches
        return uses is False or (uses is True and self._batched and not self._errands.batching.busy)

    @property
    def _collects(self) -> bool:
        """Whether a campaign that was cancelled waits for what has come of its batches."""
        state = self._state
        if not state.cancelled or state.paused or self._steering.is_long or state.snapshot.in_batches == 0:
            return False
        return workflow.time() - state.cancelled_at <= policies.CANCEL_PATIENCE

    @property
    def _is_held_up(self) -> bool:
        return not self._is_stopped() and workflow.time() < self._not_before

    async def _wait(self) -> None:
        """Wait for the end of a chunk or errand, a wish, or the time at which something is due again."""
        stopped, at = self._is_stopped(), self._next_look()
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: (
                    self._steering.look_again
                    or self._lanes.any_done
                    or self._errands.any_done
                    or self._is_stopped() != stopped
                ),
                timeout=None if at is None else max(policies.SHORTEST_WAIT, at - workflow.time()),
                timeout_summary="looks for leads that are due",
            )
        if at is not None and workflow.time() >= at:
            self._dry = False

    def _next_look(self) -> float | None:
        """When to look again without being told; None when only an event can change anything."""
        if self._is_held_up:
            return self._not_before
        due = self._state.snapshot.next_due_at
        if due is None or self._lanes.busy or not self._asks_live or self._is_stopped():
            return None
        return max(due, workflow.time() + policies.LONG_WAIT)

    def _take_reports(self) -> int:
        reports = self._collect()
        if reports and not self._steering.look_again:
            self._dry = any(report.worked == 0 for report in reports)
        worked = sum(report.worked for report in reports)
        if fetched := self._take(self._errands.fetching):
            self._may_be_unfetched = fetched.snapshot.unfetched > 0
            self._dry &= fetched.worked == 0
            self._batched &= fetched.worked == 0
            worked += fetched.worked
        if batched := self._take(self._errands.batching):
            self._batched = batched.worked == 0 and batched.snapshot.in_batches == 0 and not batched.closed
            self._dry = False
            worked += batched.worked
        if written := self._take(self._errands.writing):
            self._cannot_write = written.worked == 0 and not (written.closed or written.halt)
            worked += written.worked
        return worked

    def _take(self, errand: Errand) -> LeadReport | None:
        report = errand.take()
        if report is None:
            return None
        self._note(report.snapshot)
        if report.halt:
            self._steering.pause(report.halt)
        elif report.closed and not self._is_stopped():
            # The store refuses what should be possible: what is written there is not what was wanted.
            self._steering.write_again()
            self._not_before = workflow.time() + min(policies.FRUITLESS_WAIT, policies.SHORTEST_WAIT * 2.0**self._idle)
            self._idle = min(self._idle + 1, 10)
            return report
        self._idle, self._not_before = 0, 0.0
        return report
