"""What people want of a campaign, and the status that stands in the store for it: written whenever the two differ.

Handlers only note a wish here; `keep_written` is the one place that writes the campaign's status, one at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, CampaignState, Snapshot, StatusChange
    from clarion.domain.campaign import CampaignStatus, Channel
    from workflows import policies

OPEN = frozenset({CampaignStatus.RUNNING, CampaignStatus.SETTLING})
"""Statuses in which new contacts may start."""


class Steering:
    """The wishes of one campaign's people."""

    def __init__(self, given: CampaignInput, state: CampaignState, is_busy: Callable[[], bool]) -> None:
        """``is_busy`` says whether any chunk runs."""
        self._campaign = given.campaign
        self._is_of_calls = given.channel is Channel.CALL
        self._state = state
        self._is_busy = is_busy
        self._written: StatusChange | None = None
        self.phase = CampaignStatus.PREPARING
        self.look_again = False
        """Somebody changed something that the campaign has not looked at yet."""
        self.note = ""
        """Why the campaign waits, where nobody wished it."""

    def pause(self, reason: str) -> None:
        """Start nothing new. A second pause without a reason leaves the first one's: the campaign's own may be it."""
        if not self.is_over:
            known = self._state.reason if self._state.paused else ""
            self._state.paused, self._state.reason = True, reason[: policies.LONGEST_REASON] or known
            self.look_again = True

    def resume(self) -> None:
        """Go on."""
        if self._state.paused and not self.is_over:
            self._state.paused, self._state.reason = False, ""
            self.look_again = True

    def cancel(self, reason: str, *, by_temporal: bool = False, hang_up: bool = False) -> None:
        """Cancel what is not under way; ``hang_up`` ends calls that are."""
        if self.phase.is_final:
            return
        self._state.hang_up = self._state.hang_up or hang_up
        self._state.by_temporal = self._state.by_temporal or by_temporal
        if not self._state.cancelled:
            self._state.cancelled, self._state.paused = True, False
            self._state.reason = reason[: policies.LONGEST_REASON]
            self._state.cancelled_at = workflow.time()
            self.look_again = True

    @property
    def is_over(self) -> bool:
        """Whether it is too late for any wish."""
        return self.phase.is_final or self._state.cancelled

    @property
    def is_wanted(self) -> bool:
        """Whether the campaign should stop waiting and look what somebody wants."""
        return self.look_again or self._state.paused

    @property
    def is_stopped(self) -> bool:
        """Whether no chunk may start. A cancelled campaign still runs chunks that look up what is unknown."""
        books = self._state.snapshot.books
        if not self._state.cancelled or self._state.paused:
            return self._state.paused
        if not self._is_of_calls:
            return books.unknown == 0
        # Calls go on until they end: those whose lane was lost are held again, once everything else is cancelled.
        return books.pending + books.waiting > 0 or books.active + books.unknown == 0

    @property
    def is_long(self) -> bool:
        """Whether the history has become so long that a new run has to go on."""
        return workflow.info().is_continue_as_new_suggested() and not self._state.by_temporal

    @property
    def is_closed(self) -> bool:
        """Whether the store surely takes no new contacts."""
        return self._written is not None and not self._written.open

    @property
    def is_written(self) -> bool:
        """Whether the store knows the status that is wanted, and no older one can arrive after it."""
        return self._written == self.wish

    @property
    def wish(self) -> StatusChange:
        """The status as it should be."""
        status = self.phase
        if not status.is_final and self._state.cancelled:
            status = CampaignStatus.CANCELLING
        elif not status.is_final and self._state.paused:
            status = CampaignStatus.PAUSING if self._is_busy() else CampaignStatus.PAUSED
        return StatusChange(
            campaign=self._campaign,
            status=status,
            reason=self._state.reason or ("" if status.is_final else self.note),
            open=status in OPEN,
            hang_up=self._state.hang_up,
        )

    async def keep_written(
        self, write: Callable[[StatusChange], Awaitable[Snapshot]], note: Callable[[Snapshot], None]
    ) -> None:
        """Write the status that is wanted whenever it differs from the one that is written. Never returns."""
        while True:
            await workflow.wait_condition(lambda: not self.is_written)
            # Until the answer is here nobody can say how the gate stands: an older wish may be on its way.
            wish, self._written = self.wish, None
            snapshot = await write(wish)
            self._written, self._state.status = wish, wish.status
            note(snapshot)

    async def open_gate(self) -> None:
        """Return when the store takes new contacts, or when they are not wanted any more."""
        self.phase, self.note = CampaignStatus.RUNNING, ""
        await workflow.wait_condition(lambda: self.is_written or self.is_stopped)

    def queue(self, why: str) -> None:
        """Show that the campaign waits for lanes of its account."""
        self.phase, self.note = CampaignStatus.QUEUED, why[: policies.LONGEST_REASON]

    def write_again(self) -> None:
        """Do not trust what is written: the store refuses contacts that should be possible."""
        self._written = None

    async def end_as(self, status: CampaignStatus) -> None:
        """End the campaign; from here on every wish is too late."""
        self.phase = status
        await workflow.wait_condition(lambda: self.is_written)
