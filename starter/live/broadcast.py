"""Live events: one reader of the log for all who watch in this process, however many, and none while nobody does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

from clarion.domain.errors import ClarionError, Unreachable
from clarion.store.store import Store
from clarion.store.tail import LoggedEvent, Span
from starter.live.events import Batch, Frame, batch_of
from starter.live.progress import Standings
from starter.live.watcher import Key, Watcher

log = logging.getLogger(__name__)

LOOK_EVERY = 0.3
"""Seconds between two looks into the log while somebody watches."""
AFTER_TROUBLE = 2.0
"""Seconds until the store is asked again after it did not answer."""
KEYS_EVERY = 30.0
"""Seconds between two looks whether the keys of those who watch still work."""
LONGEST_BEGINNING = 10.0
"""Seconds within which the reading of the log has to begin."""
PAGE = 1_000


class Live:
    """Tells watchers what happens. Belongs to one event loop."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, look_every: float = LOOK_EVERY) -> None:
        """Read from ``store``, every ``look_every`` seconds while somebody watches; ``clock`` gives epoch seconds."""
        self._store = store
        self._clock = clock
        self._look_every = look_every
        self._standings = Standings(store, self.watchers_of, clock)
        self._watchers: dict[tuple[str, str | None], set[Watcher]] = {}
        self._present = 0
        self._reading: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._position = 0
        self._closed = False

    @property
    def position(self) -> int:
        """The id up to which the log has been told to all watchers, completely."""
        return self._position

    @property
    def watching_now(self) -> int:
        """How many watch."""
        return sum(map(len, self._watchers.values()))

    @asynccontextmanager
    async def watching(
        self, tenant: str, campaign_id: str | None, after: int | None, key_id: str = ""
    ) -> AsyncIterator[Watcher]:
        """Watch a campaign, or all of a tenant (None), while the block runs; ``after`` is the last id seen, None: now.

        Raises NotFound for a campaign that is not there, Unreachable while this process ends or its store is away.
        """
        self._present += 1
        try:
            await self._begin_reading()
            if after is not None and after > self._position:
                # Another process may be ahead of this one. Nobody has seen what is not there yet.
                after = min(after, await asyncio.to_thread(self._store.events.newest))
            watcher = Watcher(self, tenant, campaign_id, self._position if after is None else after, key_id)
            found = self._watchers.setdefault((tenant, campaign_id), set())
            found.add(watcher)
            try:
                await self._standings.welcome(watcher)
                if self._closed:
                    watcher.close()
                yield watcher
            finally:
                found.discard(watcher)
                if not found:
                    self._watchers.pop((tenant, campaign_id), None)
        finally:
            self._present -= 1

    def watchers_of(self, key: Key) -> Collection[Watcher]:
        """Who is to be told about a campaign."""
        tenant, campaign_id = key
        return [*self._watchers.get((tenant, campaign_id), ()), *self._watchers.get((tenant, None), ())]

    async def span(self, tenant: str, campaign_id: str | None, span: Span) -> Batch | None:
        """Return the first events of a span of the log; None where there is none."""
        if span.after >= span.to:
            return None
        found = await asyncio.to_thread(self._store.events.of_tenant, tenant, campaign_id, span)
        return batch_of(found) if found else None

    def ended(self, key: Key) -> tuple[int, Frame] | None:
        """The id of the last line about a campaign that is over, and the event that says so."""
        return self._standings.ended(key)

    def close(self) -> None:
        """End every stream at once, and take nobody new: the process is about to end."""
        self._closed = True
        self._begun.set()
        for watcher in self._everybody():
            watcher.close()

    async def aclose(self) -> None:
        """End everything."""
        self.close()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    def _everybody(self) -> Iterable[Watcher]:
        return [watcher for some in self._watchers.values() for watcher in some]

    async def _begin_reading(self) -> None:
        """Have the log read, and wait until it is. Raises Unreachable."""
        if self._reading is None and not self._closed:
            self._begun.clear()
            self._reading = asyncio.create_task(self._read(), name="read the log for watchers")
        try:
            async with asyncio.timeout(LONGEST_BEGINNING):
                await self._begun.wait()
        except TimeoutError:
            raise Unreachable("the log of events cannot be read at the moment; connect again a little later") from None
        if self._closed:
            raise Unreachable("this process is ending; connect again, and another one takes over")

    async def _read(self) -> None:
        """Tell what is new until nobody watches any more."""
        standings = asyncio.create_task(self._standings.run(), name="tell watchers how campaigns stand")
        keys = asyncio.create_task(self._look_at_keys(), name="look at the keys of watchers")
        try:
            while self._present:
                try:
                    more = await (self._look() if self._begun.is_set() else self._begin())
                except Exception:
                    log.exception("the log cannot be read for watchers")
                    await asyncio.sleep(AFTER_TROUBLE)
                    continue
                if not more:
                    await asyncio.sleep(self._look_every)
        finally:
            standings.cancel()
            keys.cancel()
            self._standings.forget()
            # In one step with the last look at who is present: whoever comes next starts anew.
            self._reading = None

    async def _begin(self) -> bool:
        """Find the place from which to tell; whether to go on at once."""
        end = await asyncio.to_thread(self._store.events.end)
        if end is None:
            return False
        self._position = end
        self._begun.set()
        return True

    async def _look(self) -> bool:
        """Tell what is new; whether there may be more."""
        found = await asyncio.to_thread(self._store.events.tail, self._position, PAGE)
        if found:
            self._tell(found)
        return len(found) == PAGE

    def _tell(self, lines: Sequence[LoggedEvent]) -> None:
        self._position = lines[-1].id
        watched = {tenant for tenant, _ in self._watchers}
        of_tenants: dict[str, list[LoggedEvent]] = {}
        for line in lines:
            if line.tenant in watched:
                of_tenants.setdefault(line.tenant, []).append(line)
        for tenant, own in of_tenants.items():
            self._tell_tenant(tenant, own)

    def _tell_tenant(self, tenant: str, lines: Sequence[LoggedEvent]) -> None:
        all_of_them = self._watchers.get((tenant, None), set())
        campaigns = {line.campaign_id for line in lines}
        wanted = {name for name in campaigns if all_of_them or (tenant, name) in self._watchers}
        lines = [line for line in lines if line.campaign_id in wanted]
        if not lines:
            return
        frames = batch_of(lines).frames
        for name in wanted:
            self._standings.stir((tenant, name))
            if its := self._watchers.get((tenant, name)):
                pairs = zip(lines, frames, strict=True)
                batch = Batch([frame for line, frame in pairs if line.campaign_id == name])
                for watcher in its:
                    watcher.offer(batch)
        batch = Batch(frames)
        for watcher in all_of_them:
            watcher.offer(batch)

    async def _look_at_keys(self) -> None:
        """Cut off those whose key has ended meanwhile."""
        while True:
            await asyncio.sleep(KEYS_EVERY)
            with suppress(ClarionError):
                await self._cut_off()

    async def _cut_off(self) -> None:
        valid: dict[str, bool] = {"": True}
        for watcher in self._everybody():
            if watcher.key_id not in valid:
                key = await asyncio.to_thread(self._store.keys.get, watcher.key_id)
                valid[watcher.key_id] = key is not None and key.is_valid(self._clock())
            if not valid[watcher.key_id]:
                watcher.close()
