"""Webhooks of ours: looks after one hook for some minutes, from the log to what its receiver has answered."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from activities.hook_watch import HookWatch, Watch
from clarion.courier import Courier, Parcel, Wire
from clarion.domain.delivery import Answer, fate
from clarion.hook_contracts import HookOrder, HookRef, HookReport
from clarion.store.deliveries import SEEN, HookStanding, Result
from clarion.store.hook_rows import Delivery, Hook
from clarion.store.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 10
"""Deliveries of one hook on their way at once."""

BEAT = 10.0
"""Seconds between two signs of life: hooks are many and idle, and a late webhook harms nobody."""

HANDED_OVER = timedelta(seconds=0.1)
"""Before another worker goes on with what this one has to leave."""


class HookActivities:
    """What hooks have done for them."""

    def __init__(self, store: Store, courier: Courier, watch: HookWatch, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds; the others are shared by all hooks of a worker process."""
        self._store = store
        self._courier = courier
        self._watch = watch
        self._clock = clock

    @activity.defn
    async def watch_hook(self, order: HookOrder) -> HookReport:
        """Send what is due, and look for more, for as long as the order says, or until the hook is gone.

        It may run twice: nothing is lost, and what is sent twice is recognised by its id.
        """
        async with as_failures(), self._watch.on(order.hook.key) as watch, self._courier.wire() as wire:
            round_ = _Round(self._store, order.hook, wire, watch, self._clock)
            async with beating(round_.counts, on_shutdown=round_.stop, every=BEAT):
                return await round_.run(self._clock() + order.seconds)


@dataclass(slots=True)
class _Round:
    """One execution."""

    store: Store
    ref: HookRef
    wire: Wire
    watch: Watch
    clock: Callable[[], float]
    cursor: int = -1
    delivered: int = 0
    failed: int = 0
    dead: int = 0
    _going: dict[asyncio.Task[Answer], Delivery] = field(default_factory=dict)
    _stopping: bool = False
    _say_at: float = 0.0
    """When somebody has to hear again that the hook is looked after (epoch seconds)."""

    def counts(self) -> dict[str, int]:
        """What has been done so far."""
        return {"delivered": self.delivered, "failed": self.failed, "dead": self.dead}

    def stop(self) -> None:
        """Begin nothing new: this worker is stopping."""
        self._stopping = True

    async def run(self, until: float) -> HookReport:
        """Work until about ``until`` (epoch seconds)."""
        try:
            while await in_thread(self.store.deliveries.forget, self.ref, self.clock()):
                pass
            while (hook := await in_thread(self.store.hooks.get, self.ref)) is not None and hook.active:
                more = await self._take_in(hook)
                await self._send_due(hook)
                if not more:
                    await self._rest(until)
                await self._collect(hook)
                if self._stopping or self.clock() >= until:
                    break
            if hook is not None:
                await self._finish(hook)
        finally:
            for task in self._going:
                task.cancel()
            await asyncio.gather(*self._going, return_exceptions=True)
        if self._stopping:
            message = "this worker is stopping; another one goes on from here"
            raise ApplicationError(message, type="WorkerShutdown", next_retry_delay=HANDED_OVER)
        return HookReport(ended=hook is None or not hook.active, **self.counts())

    async def _take_in(self, hook: Hook) -> bool:
        """Look at the next lines of the log; whether there are more to look at now."""
        self.cursor = max(self.cursor, hook.cursor)
        self._say_at = self.clock() + SEEN
        taken = await in_thread(self.store.deliveries.take_in, hook, self.cursor, self.clock())
        self.cursor = taken.cursor
        return taken.more

    async def _send_due(self, hook: Hook) -> None:
        free = AT_ONCE - len(self._going)
        if not free:
            return
        besides = {delivery.number for delivery in self._going.values()}
        due = await in_thread(self.store.deliveries.due, hook, self.clock(), free, besides=besides)
        for delivery in due:
            parcel = Parcel(hook.url, hook.secret, delivery.message_id, delivery.payload, self.clock())
            self._going[asyncio.create_task(self.wire.send(parcel), name="webhook")] = delivery

    async def _rest(self, until: float) -> None:
        """Wait until there is something to do."""
        news = asyncio.create_task(self.watch.until(lambda seen: self._has_work(seen, until)), name="hook news")
        try:
            await asyncio.wait({news, *self._going}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _has_work(self, seen: HookStanding | None, until: float) -> bool:
        now = self.clock()
        if seen is None or not seen.wanted or self._stopping or now >= min(until, self._say_at):
            return True
        due = seen.due_at is not None and seen.due_at <= now and len(self._going) < AT_ONCE
        return seen.newest > self.cursor or due

    async def _collect(self, hook: Hook) -> None:
        """Write down what has been answered meanwhile."""
        done = [task for task in self._going if task.done()]
        if not done:
            return
        now, results = self.clock(), []
        for task in done:
            delivery, answer = self._going.pop(task), _answer_of(task)
            what = fate(answer, delivery.tries + 1, now, random.random())  # noqa: S311 - spreads retries
            results.append(Result(delivery, answer, what))
            self.delivered += answer.is_good
            self.failed += not answer.is_good
            self.dead += what.state == "dead"
        await in_thread(self.store.deliveries.record, hook, results, now)

    async def _finish(self, hook: Hook) -> None:
        """Let end what is on its way."""
        while self._going:
            await asyncio.wait(self._going, return_when=asyncio.FIRST_COMPLETED)
            await self._collect(hook)


def _answer_of(task: asyncio.Task[Answer]) -> Answer:
    error = task.exception()
    if error is None:
        return task.result()
    # Its text may hold the address, which is the user's secret.
    log.error("sending a webhook failed in an unexpected way: %s", type(error).__name__)
    return Answer(None, "sending failed in an unexpected way")
