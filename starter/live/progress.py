"""How watched campaigns stand: looked up at most once a second each, whoever watches, and told to all of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from clarion.domain.errors import NotFound
from clarion.store.store import Store
from starter.live.events import EndEvent, Frame, ProgressEvent
from starter.live.watcher import Key, Watcher
from starter.progress import Progress, progress_now

log = logging.getLogger(__name__)

AT_MOST_EVERY = 1.0
"""Seconds between two looks at a campaign of which something new stands in the log."""
AT_LEAST_EVERY = 3.0
"""Seconds after which a campaign is looked at in any case: not all that moves stands in the log."""
TICK = 0.25
MOST_AT_FIRST = 50
"""Campaigns of which somebody who watches all is told at first."""


@dataclass(slots=True)
class _Standing:
    """What is known of one campaign. Times are of the monotonic clock."""

    stirred: bool = True
    looked_at: float | None = None
    told: Progress | None = None
    frame: Frame | None = None
    end: tuple[int, Frame] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_older_than(self, seconds: float) -> bool:
        """Whether the last look was longer ago."""
        return self.looked_at is None or time.monotonic() - self.looked_at >= seconds

    def is_due(self) -> bool:
        """Whether it is to be looked at."""
        return self.is_older_than(AT_MOST_EVERY if self.stirred else AT_LEAST_EVERY)


class Standings:
    """Looks and tells. Belongs to one event loop."""

    def __init__(
        self, store: Store, watchers_of: Callable[[Key], Collection[Watcher]], clock: Callable[[], float]
    ) -> None:
        """Tell those whom ``watchers_of`` names; ``clock`` gives epoch seconds."""
        self._store = store
        self._watchers_of = watchers_of
        self._clock = clock
        self._known: dict[Key, _Standing] = {}

    async def welcome(self, watcher: Watcher) -> None:
        """Tell somebody new how things stand. Raises NotFound for a campaign that is not there."""
        if watcher.campaign_id is not None:
            keys = [(watcher.tenant, watcher.campaign_id)]
        else:
            newest = await asyncio.to_thread(self._store.campaigns.list, watcher.tenant, limit=MOST_AT_FIRST)
            keys = [(watcher.tenant, one.ref.campaign_id) for one in newest[::-1] if not one.status.is_final]
        for key in keys:
            try:
                await self._tell(watcher, key)
            except NotFound:
                self._known.pop(key, None)
                if watcher.campaign_id is not None:
                    raise

    async def _tell(self, watcher: Watcher, key: Key) -> None:
        standing = self._known.setdefault(key, _Standing())
        async with standing.lock:
            if standing.told is None or standing.is_older_than(AT_MOST_EVERY):
                await self._look(key, standing)
        if standing.frame is not None:
            watcher.stand(key, standing.frame)

    def stir(self, key: Key) -> None:
        """Note that something about a watched campaign is new."""
        self._known.setdefault(key, _Standing()).stirred = True

    def forget(self) -> None:
        """Forget all: nobody watches."""
        self._known.clear()

    def ended(self, key: Key) -> tuple[int, Frame] | None:
        """The id of the last line about a campaign that is over, and the event that says so."""
        standing = self._known.get(key)
        return None if standing is None else standing.end

    async def run(self) -> None:
        """Look at what is due, and tell, until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            for key, standing in list(self._known.items()):
                if not self._is_wanted(key, standing):
                    del self._known[key]
                elif standing.is_due() and not standing.lock.locked():
                    async with standing.lock:
                        await self._refresh(key, standing)

    def _is_wanted(self, key: Key, standing: _Standing) -> bool:
        """Whether to go on looking; of a campaign that is over, those who watch all have been told."""
        all_told = standing.end is not None and not standing.stirred
        return any(not all_told or watcher.campaign_id is not None for watcher in self._watchers_of(key))

    async def _refresh(self, key: Key, standing: _Standing) -> None:
        try:
            await self._look(key, standing)
        except NotFound:
            self._gone(key)
        except Exception:
            log.exception("how a campaign stands cannot be told")
            standing.looked_at = time.monotonic()

    async def _look(self, key: Key, standing: _Standing) -> None:
        """Look at a campaign and tell what is new. Raises NotFound."""
        standing.stirred, standing.looked_at = False, time.monotonic()
        progress, last = await asyncio.to_thread(self._read, key)
        if standing.told is None or _moves(progress) != _moves(standing.told):
            event = ProgressEvent(campaign_id=key[1], at=progress.updated_at, progress=progress)
            standing.told, standing.frame = progress, Frame.of(event)
            for watcher in self._watchers_of(key):
                watcher.stand(key, standing.frame)
        standing.end = None
        if progress.status.is_final:
            end = EndEvent(campaign_id=key[1], at=progress.finished_at or progress.updated_at, status=progress.status)
            standing.end = (last, Frame.of(end))
            for watcher in self._watchers_of(key):
                watcher.wake()

    def _read(self, key: Key) -> tuple[Progress, int]:
        """Return how a campaign stands, and the last line about it that stood there no sooner."""
        campaign = self._store.campaigns.find(*key)
        progress = progress_now(self._store, campaign, self._clock())
        return progress, self._store.events.newest(campaign.ref.key)

    def _gone(self, key: Key) -> None:
        """End the streams of a campaign that was deleted."""
        self._known.pop(key, None)
        for watcher in self._watchers_of(key):
            if watcher.campaign_id is not None:
                watcher.close()


def _moves(progress: Progress) -> dict[str, object]:
    """What is worth telling again: all but when it was looked at."""
    return progress.model_dump(exclude={"updated_at"})
