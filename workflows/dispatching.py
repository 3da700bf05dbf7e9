"""The loop that keeps a campaign's lanes busy: the one place where chunks are started and collected."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignState, ChunkReport, Snapshot
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
    ) -> None:
        """``note`` keeps a snapshot."""
        self._state = state
        self._steering = steering
        self._lanes = lanes
        self._sharing = sharing
        self._note = note
        self.fruitless = 0
        """Rounds in a row in which targets were due and none could be taken."""

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._lanes.busy

    @property
    def all_done(self) -> bool:
        """Whether all that was under way has ended."""
        return self._lanes.all_done

    @property
    def anything_left(self) -> bool:
        """Whether there is more to do than the books tell."""
        return False

    def stop(self) -> None:
        """Call off what is not worth waiting for when the campaign fails."""

    async def run(self) -> None:
        """Keep the lanes busy until nothing is due; sit out a pause."""
        dry = not (self._steering.look_again or self._is_due())
        worked = 0
        while True:
            self._steering.look_again = False
            if not (dry or self._is_stopped()):
                await self._start_chunks()
            elif not self._lanes.busy:
                if not self._state.paused or self._steering.is_long:
                    break
                await workflow.wait_condition(lambda: not self._state.paused or self._steering.is_long)
                dry = False
                continue
            await workflow.wait_condition(lambda: self._steering.look_again or self._lanes.any_done)
            reports = self._collect()
            worked += sum(report.worked for report in reports)
            dry = (any(report.worked == 0 for report in reports) if reports else dry) and not self._steering.look_again
        self._count_round(worked)

    def rest(self) -> None:
        """Nothing runs: give back what is not worth keeping."""

    async def _start_chunks(self) -> None:
        books = self._state.snapshot.books
        await self._steering.open_gate()
        if not self._steering.is_stopped:
            left = books.pending + books.waiting
            self._state.chunks_started = self._lanes.fill(self._sharing.allowed, left, self._state.chunks_started)

    def _collect(self) -> list[ChunkReport]:
        """Take note of the chunks that have ended, oldest first."""
        reports = sorted(self._lanes.collect(), key=lambda report: report.snapshot.as_of)
        for report in reports:
            self._note(report.snapshot)
            if report.halt:
                self._steering.pause(report.halt)
        return reports

    def _count_round(self, worked: int) -> None:
        self.fruitless = 0 if worked or not self._is_due() else self.fruitless + 1

    def _is_stopped(self) -> bool:
        return self._steering.is_stopped or self._steering.is_long

    def _is_due(self) -> bool:
        due = self._state.snapshot.next_due_at
        return due is not None and due <= max(self._state.snapshot.as_of, workflow.time())
