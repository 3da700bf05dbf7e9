"""The loop that keeps a campaign's lanes busy: the one place where chunks are started, called off and collected."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignState, Snapshot
    from workflows import policies
    from workflows.lanes import Lanes
    from workflows.sharing import Sharing
    from workflows.steering import Steering


class Dispatching:
    """Hands out chunks while anything is due."""

    def __init__(
        self,
        state: CampaignState,
        steering: Steering,
        lanes: Lanes,
        sharing: Sharing,
        note: Callable[[Snapshot], None],
        *,
        is_shared: bool,
    ) -> None:
        """``note`` keeps a snapshot; ``is_shared`` says whether an account hands out the lanes."""
        self._is_shared = is_shared
        self._state = state
        self._steering = steering
        self._lanes = lanes
        self._sharing = sharing
        self._note = note
        self._idle = 0
        """Times in a row that a lane found nothing to do."""
        self.fruitless = 0
        """Rounds in a row in which targets were due and none could be taken."""

    async def run(self) -> None:
        """Keep the lanes busy until nothing is due; sit out a pause."""
        dry = not (self._steering.look_again or self._is_due())
        worked = 0
        while True:
            self._steering.look_again = False
            if not (dry or self._steering.is_stopped or self._steering.is_long):
                await self._start_chunks()
            elif not self._lanes.busy:
                if not self._state.paused or self._steering.is_long:
                    break
                self._sharing.want(0)
                await workflow.wait_condition(lambda: not self._state.paused or self._steering.is_long)
                dry = False
                continue
            self._call_off()
            if not await self._heard(dry=dry):
                dry = False
                continue
            reports = sorted(self._lanes.collect(), key=lambda report: report.snapshot.as_of)
            for report in reports:
                self._note(report.snapshot)
                worked += report.worked
                self._idle = 0 if report.worked else self._idle + 1
                if report.halt:
                    self._steering.pause(report.halt)
            dry = (any(report.worked == 0 for report in reports) if reports else dry) and not self._steering.look_again
        self.fruitless = 0 if worked or not self._is_due() else self.fruitless + 1

    async def _start_chunks(self) -> None:
        books = self._state.snapshot.books
        left = books.pending + books.waiting
        self._sharing.want(min(self._state.lanes, max(1, left + books.unknown)))
        if self._sharing.allowed == 0 and not self._lanes.busy:
            self._steering.queue(self._sharing.reason)
            return
        await self._steering.open_gate()
        if not self._steering.is_stopped:
            self._state.chunks_started = self._lanes.fill(self._sharing.allowed, left, self._state.chunks_started)

    def _call_off(self) -> None:
        """Call off the lanes that must not go on: those the account wants back, and all when the campaign stops."""
        if self._is_shared:
            if self._steering.is_stopped:
                self._sharing.want(0)
            self._lanes.shrink(0 if self._steering.is_long else self._sharing.allowed)

    async def _heard(self, *, dry: bool) -> bool:
        """Wait for the end of a chunk or a wish. False: there may be work again for a lane that is idle."""
        due = self._state.snapshot.next_due_at
        stopped = self._steering.is_stopped or self._steering.is_long
        idle = self._is_shared and dry and not stopped and self._lanes.taken < self._sharing.allowed
        if not idle or due is None:
            await workflow.wait_condition(lambda: self._steering.look_again or self._lanes.any_done)
            return True
        pause = min(policies.FRUITLESS_WAIT, policies.SHORTEST_WAIT * 2.0 ** min(self._idle, 10))
        try:
            await workflow.wait_condition(
                lambda: self._steering.look_again or self._lanes.any_done,
                timeout=max(pause, due - workflow.time()),
                timeout_summary="a target is due again",
            )
        except TimeoutError:
            return False
        return True

    def _is_due(self) -> bool:
        due = self._state.snapshot.next_due_at
        return due is not None and due <= max(self._state.snapshot.as_of, workflow.time())
