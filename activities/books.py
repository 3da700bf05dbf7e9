"""Activities that keep a campaign's books: its status, its limits, waiting for receipts, and closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from activities.pacing import GATE_SECONDS
from clarion.contracts import CampaignRef, PacingChange, RetryOrder, SettleOrder, Snapshot, StatusChange
from clarion.store.store import Store

POLL = 0.5
"""Seconds between two looks at the books while waiting."""


class BookActivities:
    """What a campaign asks of the store besides contacting people."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds."""
        self._store = store
        self._clock = clock

    @activity.defn
    async def record_status(self, change: StatusChange) -> Snapshot:
        """Write the campaign's status; when it closes the campaign, return once nothing new can start any more."""
        async with as_failures(), beating(lambda: {"status": change.status.value}):
            key = change.campaign.key
            await in_thread(
                self._store.campaigns.set_status,
                key,
                change.status,
                change.reason,
                self._clock(),
                open_=change.open,
                ordered_at=activity.info().scheduled_time.timestamp(),
                hang_up=change.hang_up,
            )
            if change.open is False:
                await asyncio.sleep(GATE_SECONDS)
            return await in_thread(self._store.campaigns.snapshot, key, self._clock())

    @activity.defn
    async def change_pacing(self, change: PacingChange) -> Snapshot:
        """Write new limits."""
        async with as_failures():
            await in_thread(self._store.campaigns.set_pacing, change.campaign.key, change.pacing, self._clock())
            return await in_thread(self._store.campaigns.snapshot, change.campaign.key, self._clock())

    @activity.defn
    async def requeue_failed(self, order: RetryOrder) -> int:
        """Make failed targets due again; returns how many. Run again after a crash, it goes on where it stopped.

        Unless certain outcomes are wished for, answers that the CRM has not taken are to be written back again, too.
        """
        async with as_failures():
            started = activity.info().scheduled_time.timestamp()
            changed = rewritten = 0
            async with beating(lambda: {"requeued": changed}):
                while n := await in_thread(
                    self._store.sweeps.requeue_some, order.campaign.key, order.retry.outcomes, self._clock(), started
                ):
                    changed += n
                if not order.retry.outcomes:
                    rewritten = await in_thread(self._store.sweeps.rewrite, order.campaign.key)
            detail = f"{changed} failed targets are tried again"
            if rewritten:
                detail += f"; answers that are written back again: {rewritten}"
            await in_thread(self._store.events.append, order.campaign.key, self._clock(), "retry", detail)
            return changed

    @activity.defn
    async def cancel_remaining(self, campaign: CampaignRef) -> Snapshot:
        """Cancel every target that is not under way."""
        async with as_failures():
            cancelled = 0
            async with beating(lambda: {"cancelled": cancelled}):
                await in_thread(self._store.claims.release_stranded, campaign.key, self._clock())
                while n := await in_thread(self._store.sweeps.cancel_some, campaign.key, self._clock()):
                    cancelled += n
            return await in_thread(self._store.campaigns.snapshot, campaign.key, self._clock())

    @activity.defn
    async def settle(self, order: SettleOrder) -> Snapshot:
        """Wait until a target is due, or everything is settled, or the time is up; apply receipts meanwhile.

        Runs only while no chunk does, so it also frees whatever a lost chunk left behind.
        """
        async with as_failures():
            key, store = order.campaign.key, self._store
            until = self._clock() + order.seconds
            snapshot = Snapshot()
            async with beating(lambda: {"active": snapshot.books.active, "unknown": snapshot.books.unknown}):
                await in_thread(store.claims.release_stranded, key, self._clock())
                while True:
                    while await in_thread(store.inbox.apply, self._clock()):
                        pass
                    await self._conclude(order)
                    if snapshot.awaits_rows or not snapshot.as_of:
                        await in_thread(store.feeding.pull, key, self._clock())
                    snapshot = await in_thread(store.campaigns.snapshot, key, self._clock())
                    if self._worth_returning(snapshot, until) or activity.is_worker_shutdown():
                        return snapshot
                    await asyncio.sleep(POLL)

    @activity.defn
    async def close_books(self, campaign: CampaignRef) -> Snapshot:
        """Count every target once more and compare with the books.

        Raises a retryable failure while they differ: a campaign whose books do not balance is not completed.
        """
        async with as_failures():
            audit = await in_thread(self._store.targets.audit, campaign.key)
            if not audit.balanced:
                message = f"the books do not balance: counted {audit.counted!r}, booked {audit.booked!r}"
                raise ApplicationError(message, type="BooksDoNotBalance", next_retry_delay=timedelta(seconds=5))
            return await in_thread(self._store.campaigns.snapshot, campaign.key, self._clock())

    async def _conclude(self, order: SettleOrder) -> None:
        before = None if order.await_receipts else float("inf")
        while await in_thread(self._store.sweeps.conclude_overdue, order.campaign.key, self._clock(), before=before):
            activity.heartbeat()

    def _worth_returning(self, snapshot: Snapshot, until: float) -> bool:
        now = self._clock()
        due = snapshot.next_due_at is not None and snapshot.next_due_at <= now
        awaited = snapshot.books.active > 0 or snapshot.next_due_at is not None or snapshot.awaits_rows
        return due or not awaited or now >= until
