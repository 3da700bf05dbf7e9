"""One campaign, from its audience to its closed books: prepare, wait for the start, run lanes, settle, close.

The workflow holds ids, counts and wishes; who is contacted stands in the store. Handlers only note what is wanted;
`Steering` writes the campaign's status, `Dispatching` starts chunks (of calls: `Holding`; of leads: `Analysing`), and
`Sharing` speaks with the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import Addition, CampaignInput, CampaignState, LaneGrant, Pacing, Reply, Retry, Snapshot
    from clarion.domain.campaign import MOST_LANES, CampaignStatus, Channel
    from workflows import policies
    from workflows.analysing import Analysing
    from workflows.children import start_followers
    from workflows.dispatching import Dispatching
    from workflows.errand import Errands
    from workflows.holding import Holding
    from workflows.lanes import Lanes
    from workflows.sharing import Sharing
    from workflows.showing import Showing, moment
    from workflows.steering import Steering
    from workflows.steps import Steps
    from workflows.words import failure_of, is_called_off, reason_in, refuse

T = TypeVar("T")


@workflow.defn(name="CampaignWorkflow")
class CampaignWorkflow:
    """Runs one campaign."""

    @workflow.init
    def __init__(self, given: CampaignInput) -> None:
        """Begin, or take over from an earlier run."""
        self.given = given
        self.state = given.carried or CampaignState(lanes=given.lanes)
        self.steps = Steps(given)
        self.lanes = Lanes(given, self.steps.dispatch)
        self.sharing = Sharing(given, self.state, lambda: self.lanes.held)
        self.steering = Steering(given, self.state, lambda: self.dispatching.busy)
        self.dispatching = self._loop()
        self.showing = Showing(given)
        self.one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, given: CampaignInput) -> CampaignState:
        """Run to the end. Temporal's own request to cancel is a graceful cancel of the campaign."""
        talking = [asyncio.create_task(self.steering.keep_written(self.steps.record_status, self._note))]
        if given.account is not None:
            talking.append(asyncio.create_task(self.sharing.keep_told(self.steps.request_lanes)))
        while True:
            over = await self._through(self._live(), talking)
            if over:
                self.sharing.want(0)
            await self._through(workflow.wait_condition(self._is_quiet), talking)
            if over or not self.state.by_temporal:
                break  # a run after this one could not end as cancelled in Temporal: the request came to this one
        for task in talking:
            task.cancel()
        if not over:
            self.state.runs += 1
            workflow.continue_as_new(self.given.model_copy(update={"carried": self.state}))
        if self.state.by_temporal:
            raise asyncio.CancelledError(self.state.reason)
        return self.state

    # What people can ask for. At most one argument, always optional: the Web UI's empty box sends none.

    @workflow.signal(name="pause", description='Start nothing new. Optional input: the reason, as a JSON string "…".')
    def pause_soon(self, reason: object = None) -> None:
        """Pause, whatever came along: whoever reaches for this must not be turned away over a bracket."""
        self.steering.pause(reason_in(reason))

    @workflow.signal(description="Go on exactly where it stopped. No input.")
    def resume(self) -> None:
        """Resume."""
        self.steering.resume()

    @workflow.signal(name="cancel", description='Cancel what is not under way. Optional input: the reason, as "…".')
    def cancel_soon(self, reason: str | None = None) -> None:
        """Cancel."""
        self.steering.cancel(reason or "")

    @workflow.signal(description='Cancel, and end the calls under way. Optional input: the reason, as "…".')
    def hang_up(self, reason: str | None = None) -> None:
        """Cancel, and do not wait for calls under way."""
        self.steering.cancel(reason or "", hang_up=True)

    @workflow.signal(description="From the account's workflow: how many lanes this campaign may hold.")
    def lanes_granted(self, grant: LaneGrant | None = None) -> None:
        """Take note of a grant."""
        if grant is not None:
            self.sharing.granted(grant)

    @workflow.update(
        name="pause", description="Pause, and answer when nothing new can start. Optional input: a reason."
    )
    async def pause_now(self, reason: object = None) -> Reply:
        """Pause, and say how many attempts are still under way."""
        self.steering.pause(reason_in(reason))
        await workflow.wait_condition(lambda: not self.state.paused or self.steering.is_closed)
        under_way = self.state.snapshot.under_way
        if not self.state.paused:
            return self._reply("somebody decided otherwise meanwhile", under_way=under_way)
        return self._reply(f"nothing new starts, {under_way} under way", under_way=under_way)

    @pause_now.validator
    def _check_pause(self, reason: object = None) -> None:
        del reason
        self._refuse_when_over()

    @workflow.update(description='Change limits: {"concurrency": 10, "per_second": 2.5, "budget": 50}, or any of them.')
    async def set_limits(self, pacing: Pacing | None = None) -> Reply:
        """Change limits of the running campaign."""
        wanted = pacing or Pacing()
        async with self.one_at_a_time:  # so that store and lanes keep the same one of two wishes
            self._note(await self.steps.change_pacing(wanted))
            self.state.lanes = wanted.concurrency or self.state.lanes
        self.steering.look_again = True
        return self._reply("limits changed")

    @set_limits.validator
    def _check_limits(self, pacing: Pacing | None = None) -> None:
        self._refuse_when_over()
        if pacing is None or pacing == Pacing():
            refuse('say which limit, as {"concurrency": 10, "per_second": 2.5}')
        elif (pacing.concurrency or 0) > (most := MOST_LANES[self.given.channel]):
            refuse(f"concurrency {pacing.concurrency} is not possible; give a whole number from 1 to {most}")

    @workflow.update(description='Try failed targets again. Optional input: {"outcomes": ["undelivered"]}.')
    async def retry_failed(self, retry: Retry | None = None) -> Reply:
        """Make failed targets due again."""
        changed = await self.steps.requeue_failed(retry or Retry(), policies.UPDATE_RETRY)
        self.steering.look_again = True
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
            await self._unless_cancelled(self.steps.import_audience(addition.file_id, policies.UPDATE_RETRY))
        self.steering.look_again = True
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

    def _loop(self) -> Dispatching:
        parts = self.state, self.steering, self.lanes, self.sharing, self._note
        if self.given.channel is Channel.LEAD_ANALYSIS:
            return Analysing(*parts, Errands(self.steps), self.given)
        return Dispatching(*parts) if self.given.account is None else Holding(*parts)

    async def _live(self) -> bool:
        """Live on; return True at the end, and False when the history has become long. No chunk runs then."""
        try:
            await self._prepare()
            await self._wait_for_start()
            await start_followers(self.given, self.state, self.steps)
            while not self._is_long():
                if await self._is_over():
                    await self.steering.end_as(
                        CampaignStatus.CANCELLED if self.state.cancelled else CampaignStatus.COMPLETED
                    )
                    return True
                await self.dispatching.run()
                if not self._is_long():
                    await self._settle()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            await self._fail(error)
        return False

    async def _prepare(self) -> None:
        for file_id in self.given.file_ids[self.state.files_imported :]:
            if not self.state.cancelled:
                await self._unless_cancelled(self.steps.import_audience(file_id))
                self.state.files_imported += 1
        if self.given.reopen is not None and not self.state.started and not self.state.cancelled:
            await self.steps.requeue_failed(self.given.reopen)
        self.steering.look_again = True

    async def _wait_for_start(self) -> None:
        start_at = self.given.start_at or 0.0
        if start_at > workflow.time() and not self.state.started and not self.state.cancelled:
            self.steering.phase = CampaignStatus.SCHEDULED
            await self._sleep_until(start_at, f"starts {moment(start_at)}", lambda: self.state.cancelled)
        if not self._is_long():
            is_queued = self.state.status is CampaignStatus.QUEUED
            if self.given.account is None or self.state.started:  # whoever has to ask for lanes runs once it has some
                self.steering.phase = CampaignStatus.QUEUED if is_queued else CampaignStatus.RUNNING
            self.state.started = True

    async def _is_over(self) -> bool:
        """Close the books when nothing is left; asked only while no chunk runs."""
        if self.state.cancelled:
            await workflow.wait_condition(workflow.all_handlers_finished)  # an update may still add targets
            self._note(await self.steps.cancel_remaining())
        if self._is_anything_left():
            return False
        self._note(await self.steps.close_books())
        return not self._is_anything_left()  # somebody may have wished for more meanwhile

    def _is_anything_left(self) -> bool:
        nothing_left = self.state.snapshot.nothing_left and workflow.all_handlers_finished()
        if self.state.cancelled:
            return not nothing_left and workflow.time() - self.state.cancelled_at <= policies.CANCEL_PATIENCE
        return not nothing_left or self.steering.is_wanted or self.dispatching.anything_left

    async def _settle(self) -> None:
        """Wait for what comes first: a receipt that changes something, a target that is due, somebody's wish."""
        snapshot, books = self.state.snapshot, self.state.snapshot.books
        due, now = snapshot.next_due_at, workflow.time()
        if self.state.cancelled and books.pending + books.waiting > 0:
            return  # they are cancelled, not waited for
        self.dispatching.rest()
        if books.pending + books.waiting == 0:
            self.steering.phase = CampaignStatus.SETTLING
            self.steering.note = "waits for what the campaign before it finds" if snapshot.awaits_rows else ""
        if snapshot.nothing_left and not workflow.all_handlers_finished():
            await workflow.wait_condition(lambda: self.steering.is_wanted or workflow.all_handlers_finished())
        elif self.dispatching.fruitless > 0:
            if self.dispatching.fruitless > 1:
                self.steering.write_again()
            pause = min(policies.FRUITLESS_WAIT, 2.0 ** (self.dispatching.fruitless - 1))
            await self._sleep_until(now + pause, "no due target could be taken", self._is_wanted)
        elif due is not None and books.active + books.unknown == 0 and due > now + policies.LONG_WAIT:
            await self._sleep_until(due, f"next target due {moment(due)}", self._is_wanted)
        else:
            await self._look_out()

    async def _look_out(self) -> None:
        books = self.state.snapshot.books
        summary = f"awaiting {books.active} receipts · {books.unknown} unknown"
        step = self.steps.settle(await_receipts=not self.state.cancelled, summary=summary)
        look_out = asyncio.create_task(step)
        await workflow.wait_condition(lambda: look_out.done() or self._is_wanted())
        await self._finish_or_stop(look_out)
        snapshot = self.state.snapshot
        if snapshot.books.open > 0 and snapshot.books.active == 0 and snapshot.next_due_at is None:
            # Windows that never open: nothing will happen by itself, and looking on would only fill the history.
            later = workflow.time() + policies.NEVER_DUE_WAIT
            await self._sleep_until(later, "no target will ever be due", self._is_wanted)

    async def _fail(self, error: ActivityError) -> None:
        failure = failure_of(error)
        self.sharing.want(0)
        self.dispatching.stop()
        self.state.reason = failure.message
        await self.steering.end_as(CampaignStatus.FAILED)
        await workflow.wait_condition(lambda: self.dispatching.all_done and self.sharing.is_told)
        raise failure from error

    async def _through(self, doing: Coroutine[object, object, T], talking: list[asyncio.Task[None]]) -> T:
        """Do it to the end, whatever Temporal asks for. Raises when store or account cannot be told any more."""
        task = asyncio.create_task(doing)
        while not task.done():
            try:
                await workflow.wait_condition(lambda: task.done() or any(talk.done() for talk in talking))
            except asyncio.CancelledError:
                self.steering.cancel(workflow.cancellation_reason() or "cancelled in Temporal", by_temporal=True)
            for talk in talking:
                if talk.done() and isinstance(error := talk.exception(), ActivityError):
                    raise failure_of(error) from error
                if talk.done():
                    talk.result()
        return task.result()

    def _is_quiet(self) -> bool:
        """Whether no handler works and no status is on its way, which could arrive after the next run's."""
        return workflow.all_handlers_finished() and self.steering.is_written and self.sharing.is_told

    def _is_wanted(self) -> bool:
        return self.steering.is_wanted or self._is_long()

    def _is_long(self) -> bool:
        return self.steering.is_long

    def _refuse_when_over(self) -> None:
        if self.steering.is_over:
            refuse(f"the campaign is {self.steering.wish.status}; start another one")

    def _reply(self, message: str, *, changed: int = 0, under_way: int = 0) -> Reply:
        return Reply(status=self.steering.wish.status, message=message, changed=changed, under_way=under_way)

    def _note(self, snapshot: Snapshot) -> None:
        """Keep the newest snapshot; reports of parallel chunks may come out of order."""
        if snapshot.as_of >= self.state.snapshot.as_of or not self.dispatching.busy:
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
            if not is_called_off(error):
                raise

    async def _sleep_until(self, at: float, why: str, wake: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: wake() or self._is_long(), timeout=max(0.0, at - workflow.time()), timeout_summary=why
            )
