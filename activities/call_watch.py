"""One pair of eyes for all calls that a worker process holds: sees what webhooks tell, and wakes the lanes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from activities.failures import in_thread
from activities.pacing import sleep_unless
from activities.watching import Watching
from clarion.domain.attempt import AttemptId
from clarion.domain.errors import ClarionError
from clarion.store.calls import Watched
from clarion.store.campaigns import CallFlags
from clarion.store.store import Store

log = logging.getLogger(__name__)

EVERY = 0.25
"""Seconds between two looks while anybody waits: a lane whose call has ended stands idle for no longer."""

BATCHES = 20
"""Batches of receipts applied before the next look; more than these wait for the one after it."""


@dataclass(slots=True, eq=False)
class Watch:
    """What is known of one call that somebody waits for; each look was made after the waiting began."""

    attempt: AttemptId
    seen: Watched | None = None
    flags: CallFlags | None = None
    """What the campaign wants done with its calls."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, seen: Watched | None, flags: CallFlags | None) -> None:
        """Take in a look, and wake whoever waits when it differs from the last."""
        if (seen, flags) != (self.seen, self.flags):
            self.seen, self.flags = seen, flags
            self.news.set()

    async def news_within(self, seconds: float) -> None:
        """Return when something has changed, or when the time is over."""
        await sleep_unless(self.news, seconds)
        self.news.clear()


class CallWatch:
    """Looks at all watched calls together, in one query; made once for each worker process."""

    def __init__(self, store: Store, clock: Callable[[], float], *, every: float = EVERY) -> None:
        """``clock`` gives epoch seconds; ``every`` is in seconds."""
        self._store = store
        self._clock = clock
        self._watching: Watching[Watch] = Watching(self._look_for, every=every, name="watch calls")

    def on(self, attempt: AttemptId) -> AbstractAsyncContextManager[Watch]:
        """Watch a call while the block runs."""
        return self._watching.on(Watch(attempt))

    async def _look_for(self, watches: Collection[Watch]) -> None:
        try:
            seen, flags = await in_thread(self._look, {watch.attempt for watch in watches})
        except ClarionError as error:
            log.warning("calls under way cannot be seen for the moment: %s", error)
        except Exception:
            # Lanes still ask their providers; without this loop none of them would hear of any webhook again.
            log.exception("looking at the calls under way failed in an unexpected way")
        else:
            for watch in watches:
                watch.tell(seen.get(watch.attempt), flags.get(watch.attempt.campaign_key))

    def _look(self, attempts: Collection[AttemptId]) -> tuple[dict[AttemptId, Watched], dict[int, CallFlags]]:
        store, batches = self._store, BATCHES
        while batches and store.inbox.waiting() and store.inbox.apply(self._clock()):
            batches -= 1
        flags = store.campaigns.call_flags({attempt.campaign_key for attempt in attempts})
        return dict(store.calls.watch(attempts)), dict(flags)
