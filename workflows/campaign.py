"""One campaign, from its audience to its closed books: prepare, wait for the start, run lanes, settle, close.

The workflow holds ids, counts and wishes; who is contacted stands in the store. Handlers only note what is wanted;
`_steer` is the one place that writes the campaign's status, and `_dispatch` the one place that starts chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import (
        Addition,
        CampaignInput,
        CampaignState,
        Pacing,
        Reply,
        Retry,
        Snapshot,
        StatusChange,
    )
    from clarion.domain.campaign import CampaignStatus
    from workflows import policies
    from workflows.lanes import Lanes
    from workflows.showing import Showing, moment
    from workflows.steps import Steps

OPEN = frozenset({CampaignStatus.RUNNING, CampaignStatus.SETTLING})
"""Statuses in which new contacts may start."""


@workflow.defn(name="CampaignWorkflow")
class CampaignWorkflow:
    """Runs one campaign."""

    @workflow.init
    def __init__(self, given: CampaignInput) -> None:
        """Begin, or take over from an earlier run."""
        self.given = given
        self.state = given.carried or CampaignState(lanes=given.lanes)
        self.phase = CampaignStatus.PREPARING
        self.steps = Steps(given)
        self.lanes = Lanes(given, self.steps.dispatch)
        self.showing = Showing(given)
        self.written: StatusChange | None = None
        self.look_again = False

    @workflow.run
    async def run(self, given: CampaignInput) -> CampaignState:
        """Run to the end. Temporal's own request to cancel is a graceful cancel of the campaign."""
        del given
        steering = asyncio.create_task(self._steer())
        life = asyncio.create_task(self._live())
        while not life.done():
            try:
                await workflow.wait_condition(life.done)
            except asyncio.CancelledError:
                self.state.by_temporal = True
                self._cancel(workflow.cancellation_reason() or "cancelled in Temporal")
        await workflow.wait_condition(workflow.all_handlers_finished)
        steering.cancel()
        life.result()
        if self.state.by_temporal:
            raise asyncio.CancelledError(self.state.reason)
        return self.state

    # What people can ask for. At most one argument, always optional: the Web UI's empty box sends none.

    @workflow.signal(name="pause", description='Start nothing new. Optional input: the reason, as a JSON string "…".')
    def pause_soon(self, reason: str | None = None) -> None:
        """Pause."""
        self._pause(reason or "")

    @workflow.signal(description="Go on exactly where it stopped. No input.")
    def resume(self) -> None:
        """Resume."""
        if self.state.paused:
            self.state.paused, self.state.reason = False, ""
            self.look_again = True

    @workflow.signal(name="cancel", description='Cancel what is not under way. Optional input: the reason, as "…".')
    def cancel_soon(self, reason: str | None = None) -> None:
        """Cancel."""
        self._cancel(reason or "")

    @workflow.update(
        name="pause", description="Pause, and answer when nothing new can start. Optional input: a reason."
    )
    async def pause_now(self, reason: str | None = None) -> Reply:
        """Pause, and say how many attempts are still under way."""
        self._pause(reason or "")
        await workflow.wait_condition(lambda: not self.state.paused or self._closed())
        under_way = self.state.snapshot.under_way
        return self._reply(f"nothing new starts, {under_way} under way", under_way=under_way)

    @pause_now.validator
    def _check_pause(self, reason: str | None = None) -> None:
        del reason
        self._refuse_when_over()

    @workflow.update(description='Change limits: {"concurrency": 10, "per_second": 2.5, "budget": 50}, or any of them.')
    async def set_limits(self, pacing: Pacing | None = None) -> Reply:
        """Change limits of the running campaign."""
        wanted = pacing or Pacing()
        self._note(await self.steps.change_pacing(wanted))
        self.state.lanes = wanted.concurrency or self.state.lanes
        self.look_again = True
        return self._reply("limits changed")

    @set_limits.validator
    def _check_limits(self, pacing: Pacing | None = None) -> None:
        self._refuse_when_over()
        if pacing is None or pacing == Pacing():
            refuse('say which limit, as {"concurrency": 10, "per_second": 2.5}')

    @workflow.update(description='Try failed targets again. Optional input: {"outcomes": ["undelivered"]}.')
    async def retry_failed(self, retry: Retry | None = None) -> Reply:
        """Make failed targets due again."""
        changed = await self.steps.requeue_failed(retry or Retry())
        self.look_again = True
        return self._reply(f"{changed} failed targets are tried again", changed=changed)

    @retry_failed.validator
    def _check_retry(self, retry: Retry | None = None) -> None:
        del retry
        self._refuse_when_over()

    @workflow.update(
        description='Add an audience file that is in the store, as {"file_id": 3}; `clarion add` does both.'
    )
    async def add_targets(self, addition: Addition | None = None) -> Reply:
        """Import one more audience file."""
        before = self.state.snapshot.books.total
        if addition is not None:
            self._note(await self.steps.import_audience(addition.file_id))
        self.look_again = True
        added = self.state.snapshot.books.total - before
        return self._reply(f"{added} rows added", changed=added)

    @add_targets.validator
    def _check_addition(self, addition: Addition | None = None) -> None:
        self._refuse_when_over()
        if addition is None:
            refuse('say which file, as {"file_id": 3}')

    @workflow.query(description="Status, books, rate and expected end, as this workflow knows them.")
    def progress(self) -> CampaignState:
        """Tell how the campaign stands."""
        return self.state

    # The life of a campaign.

    async def _live(self) -> None:
        try:
            await self._prepare()
            await self._wait_for_start()
            while not await self._is_over():
                await self._dispatch()
                self._hand_over_if_long()
                await self._settle()
                self._hand_over_if_long()
            self._note(await self.steps.close_books())
            await self._end_as(CampaignStatus.CANCELLED if self.state.cancelled else CampaignStatus.COMPLETED)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            await self._fail(error)

    async def _prepare(self) -> None:
        for file_id in self.given.file_ids[self.state.files_imported :]:
            await self._unless_cancelled(self.steps.import_audience(file_id))
            self.state.files_imported += 1
        if self.given.reopen is not None and not self.state.started:
            await self.steps.requeue_failed(self.given.reopen)
        self.look_again = True

    async def _wait_for_start(self) -> None:
        start_at = self.given.start_at
        if start_at is not None and not self.state.started:
            self.phase = CampaignStatus.SCHEDULED
            await self._sleep_until(start_at, f"starts {moment(start_at)}", lambda: self.state.cancelled)
        self.state.started = True
        self.phase = CampaignStatus.RUNNING

    async def _is_over(self) -> bool:
        """Whether nothing is left; asked only while no chunk runs."""
        if self.state.cancelled:
            self._note(await self.steps.cancel_remaining())
            waited = workflow.time() - self.state.cancelled_at
            return self.state.snapshot.nothing_left or waited > policies.CANCEL_PATIENCE
        idle = not self.look_again and workflow.all_handlers_finished()
        return idle and not self.state.paused and self.state.snapshot.nothing_left

    async def _dispatch(self) -> None:
        """Keep the lanes busy until nothing is due; sit out a pause."""
        dry = False
        while True:
            self.look_again = False
            starting = not (dry or self._stopped() or self._is_long())
            if starting:
                await self._open_gate()
                left = self.state.snapshot.books.pending + self.state.snapshot.books.waiting
                if not self._stopped():
                    self.state.chunks_started = self.lanes.fill(self.state.lanes, left, self.state.chunks_started)
            elif not self.lanes.busy:
                if not self.state.paused:
                    return
                await workflow.wait_condition(lambda: not self.state.paused)
                dry = False
                continue
            await workflow.wait_condition(lambda: self.look_again or self.lanes.any_done)
            for report in self.lanes.collect():
                self._note(report.snapshot)
                dry = report.worked == 0
                if report.halt:
                    self._pause(report.halt)
            dry = dry and not self.look_again

    async def _settle(self) -> None:
        """Wait for what comes first: a receipt that changes something, a target that is due, somebody's wish."""
        snapshot, books = self.state.snapshot, self.state.snapshot.books
        awaited = books.active + books.unknown > 0
        due = snapshot.next_due_at
        if due is not None and not awaited and due > workflow.time() + policies.LONG_WAIT and not self.state.cancelled:
            await self._sleep_until(due, f"next target due {moment(due)}", self._is_wanted)
            return
        if books.pending + books.waiting == 0:
            self.phase = CampaignStatus.SETTLING
        summary = f"awaiting {books.active} receipts · {books.unknown} unknown"
        step = self.steps.settle(await_receipts=not self.state.cancelled, summary=summary)
        look_out = asyncio.create_task(step)
        await workflow.wait_condition(lambda: look_out.done() or self._is_wanted())
        await self._finish_or_stop(look_out)

    async def _fail(self, error: ActivityError) -> None:
        self.state.reason = str(error.cause or error)
        await self._end_as(CampaignStatus.FAILED)
        raise ApplicationError(self.state.reason, type="CampaignFailed", non_retryable=True) from error

    async def _end_as(self, status: CampaignStatus) -> None:
        self.phase = status
        await workflow.wait_condition(lambda: self.written is not None and self.written.status is status)

    def _hand_over_if_long(self) -> None:
        if self._is_long() and not self.lanes.busy and workflow.all_handlers_finished():
            self.state.runs += 1
            workflow.continue_as_new(self.given.model_copy(update={"carried": self.state}))

    # Steering: wishes are noted by handlers, and written here.

    async def _steer(self) -> None:
        """Write the status that is wanted whenever it differs from the one that is written."""
        while True:
            await workflow.wait_condition(lambda: self._wish() != self.written)
            wish = self._wish()
            snapshot = await self.steps.record_status(wish)
            self.written, self.state.status = wish, wish.status
            self._note(snapshot)

    def _wish(self) -> StatusChange:
        status = self.phase
        if not status.is_final and self.state.cancelled:
            status = CampaignStatus.CANCELLING
        elif not status.is_final and self.state.paused:
            status = CampaignStatus.PAUSING if self.lanes.busy else CampaignStatus.PAUSED
        return StatusChange(campaign=self.given.campaign, status=status, reason=self.state.reason, open=status in OPEN)

    def _pause(self, reason: str) -> None:
        if not self.state.cancelled:
            self.state.paused, self.state.reason = True, reason
            self.look_again = True

    def _cancel(self, reason: str) -> None:
        if not self.state.cancelled:
            self.state.cancelled, self.state.paused, self.state.reason = True, False, reason
            self.state.cancelled_at = workflow.time()
            self.look_again = True

    async def _open_gate(self) -> None:
        """Return when the store takes new contacts, or when they are not wanted any more."""
        self.phase = CampaignStatus.RUNNING
        await workflow.wait_condition(lambda: self.written == self._wish() or self._stopped())

    def _closed(self) -> bool:
        return self.written is not None and not self.written.open

    def _stopped(self) -> bool:
        """Whether no chunk may start. A cancelled campaign still runs chunks that look up what is unknown."""
        return self.state.paused or (self.state.cancelled and self.state.snapshot.books.unknown == 0)

    def _is_wanted(self) -> bool:
        return self.look_again or self.state.paused

    def _is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _refuse_when_over(self) -> None:
        if self.phase.is_final or self.state.cancelled:
            refuse(f"the campaign is {self._wish().status}; start another one")

    def _reply(self, message: str, *, changed: int = 0, under_way: int = 0) -> Reply:
        return Reply(status=self._wish().status, message=message, changed=changed, under_way=under_way)

    def _note(self, snapshot: Snapshot) -> None:
        """Keep the newest snapshot; reports of parallel chunks may come out of order."""
        if snapshot.as_of >= self.state.snapshot.as_of:
            self.state.snapshot = snapshot
        self.showing.show(self.state)

    async def _unless_cancelled(self, step: Coroutine[object, object, Snapshot]) -> None:
        doing = asyncio.create_task(step)
        await workflow.wait_condition(lambda: doing.done() or self.state.cancelled)
        await self._finish_or_stop(doing)

    async def _finish_or_stop(self, doing: asyncio.Task[Snapshot]) -> None:
        """Take a step's result, or call it off and wait until it has really stopped: two steps must not overlap."""
        if doing.done():
            self._note(doing.result())
            return
        doing.cancel()
        try:
            self._note(await doing)
        except (ActivityError, asyncio.CancelledError) as error:
            if not is_cancelled_exception(error):
                raise

    async def _sleep_until(self, at: float, why: str, wake: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(wake, timeout=max(0.0, at - workflow.time()), timeout_summary=why)


def refuse(message: str) -> None:
    """Refuse an update with a sentence."""
    raise ApplicationError(message, type="Refused", non_retryable=True)
