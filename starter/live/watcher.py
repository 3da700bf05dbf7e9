"""Somebody who watches one campaign or all of a tenant: gets every line of the log once and in order, however slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from clarion.store.tail import Span
from starter.live.events import Batch, Frame

MOST_WAITING = 2_000
"""Events kept for a watcher that is slow; with more it reads from the store, at its own speed."""
HEARTBEAT_SECONDS = 15.0

Key = tuple[str, str]
"""Tenant and id of a campaign."""


class Source(Protocol):
    """What a watcher needs of who reads the log for all."""

    @property
    def position(self) -> int:
        """The id up to which the log has been told to all watchers, completely."""

    async def span(self, tenant: str, campaign_id: str | None, span: Span) -> Batch | None:
        """Return the first events of a span of the log; None where there is none."""

    def ended(self, key: Key) -> tuple[int, Frame] | None:
        """The id of the last line about a campaign that is over, and the event that says so."""


@dataclass(slots=True, eq=False)
class Watcher:
    """One who watches. Everything happens in one event loop."""

    source: Source
    tenant: str
    campaign_id: str | None
    """None: all campaigns of the tenant."""
    last: int
    """The last id that was told."""
    key_id: str = ""
    """The API key by which it was let in."""
    closed: bool = False
    behind: bool = True
    """Whether it has to read from the store before it can be told what is new."""
    _waiting: deque[Batch] = field(default_factory=deque)
    _count: int = 0
    _standing: dict[Key, Frame] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: Batch) -> None:
        """Take events that follow what was offered before; too many are left in the store, where they are."""
        if not self.behind:
            self._waiting.append(batch)
            self._count += len(batch.frames)
            if self._count > MOST_WAITING:
                self._leave_behind()
        self._news.set()

    def stand(self, key: Key, frame: Frame) -> None:
        """Take how a campaign stands, in place of what was to be told of it."""
        self._standing[key] = frame
        self._news.set()

    def wake(self) -> None:
        """Have it look whether its campaign is over."""
        self._news.set()

    def close(self) -> None:
        """End it."""
        self.closed = True
        self._news.set()

    async def batches(self) -> AsyncIterator[Batch | None]:
        """Yield what is new, and None as often as a heartbeat is due; ends with the campaign or when it is closed."""
        while not self.closed:
            if told := self._take_standing():
                yield told
            self._news.clear()
            async for batch in self._lines():
                yield batch
            if self._standing or self.closed:
                continue
            if end := self._end():
                yield Batch([end])
                return
            if not await self._hear():
                yield None

    async def _lines(self) -> AsyncIterator[Batch]:
        if self.behind:
            async for batch in self._catch_up():
                yield batch
        while self._waiting and not self.closed:
            if (new := self._take()) is not None:
                yield new

    async def _hear(self) -> bool:
        """Wait for something new; whether there is anything before a heartbeat is due."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), HEARTBEAT_SECONDS)
        return self._news.is_set()

    async def _catch_up(self) -> AsyncIterator[Batch]:
        """Read from the store what was told while nobody took it; what is told from now on is kept again."""
        self.behind = False
        upto = self.source.position
        while not self.closed and (
            batch := await self.source.span(self.tenant, self.campaign_id, Span(self.last, upto))
        ):
            self.last = batch.last
            yield batch

    def _take(self) -> Batch | None:
        batch = self._waiting.popleft()
        self._count -= len(batch.frames)
        if batch.last <= self.last:
            return None
        new = batch.after(self.last)
        self.last = batch.last
        return new

    def _take_standing(self) -> Batch | None:
        told, self._standing = self._standing, {}
        return Batch(list(told.values())) if told else None

    def _end(self) -> Frame | None:
        if self.campaign_id is None or self.behind or self._waiting:
            return None
        ended = self.source.ended((self.tenant, self.campaign_id))
        if ended is None or self.source.position < ended[0]:
            return None
        return ended[1]

    def _leave_behind(self) -> None:
        self._waiting.clear()
        self._count, self.behind = 0, True
