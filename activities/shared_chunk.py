"""One execution of a chunk whose lanes share the claimed targets, one target at a time each."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.contact_rules import ContactRules
from activities.failures import in_thread
from activities.tools import Tools
from clarion.contracts import ChunkOrder
from clarion.domain.campaign import CampaignSpec
from clarion.store.claims import ClaimedTarget, OpenChunk

LAST_WORDS = 20.0
"""Seconds that lanes get to end what is under way when their chunk is called off."""


@dataclass(slots=True)
class SharedChunk(ABC):
    """Works on a chunk until nothing is due, its size is done, its time is up, or it is called off."""

    tools: Tools
    order: ChunkOrder
    spec: CampaignSpec
    started_at: float
    """Epoch seconds at which the campaign started: its validity counts from there."""
    done: int = field(default=0, init=False)
    rules: ContactRules = field(init=False)
    _queue: deque[ClaimedTarget] = field(default_factory=deque, init=False)
    _room: int = field(default=0, init=False)
    """Targets that may still be claimed."""
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        """Begin with nothing called off."""
        self.rules = ContactRules(self.tools, self.order.campaign, self.spec, self.started_at, fence=0)

    @property
    def at_once(self) -> int:
        """Targets to claim in one go."""
        return self.order.size

    @abstractmethod
    async def prepare(self, targets: Sequence[ClaimedTarget]) -> None:
        """Get ready for targets that have just been claimed."""

    @abstractmethod
    async def work_on(self, target: ClaimedTarget, until: float) -> None:
        """See one target through; ``until`` (epoch seconds) is the chunk's own end."""

    async def work(self, opened: OpenChunk) -> None:
        """Run the lanes. Called off, let what is under way come to its end first. Raises what a lane raised."""
        self.rules.fence = opened.fence
        self._room = max(0, self.order.size - opened.taken)
        await self._take(opened.left)
        await self._claim()
        until = self.tools.clock() + self.order.seconds
        lanes = [asyncio.create_task(self._lane(until)) for _ in range(min(self.order.lanes, self._at_hand))]
        if not lanes:
            return
        try:
            async with self.rules.watching_the_gate():
                await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.stop()
            await _end(lanes)
            await self.rules.written()
        for lane in lanes:
            lane.result()
        self.rules.raise_unwritten()

    def stop(self) -> None:
        """Begin nothing new."""
        self.rules.stop()

    async def _lane(self, until: float) -> None:
        while not self.rules.stopped.is_set() and self.tools.clock() < until:
            target = await self._next()
            if target is None:
                return
            await self.work_on(target, until)
            self.done += 1

    async def _next(self) -> ClaimedTarget | None:
        while not self._queue and self._room > 0 and not self.rules.stopped.is_set():
            async with self._claiming:
                if not self._queue:
                    await self._claim()
        return self._queue.popleft() if self._queue else None

    @property
    def _at_hand(self) -> int:
        """Targets that there may be work for, as far as is known."""
        return len(self._queue) + self._room

    async def _claim(self) -> None:
        """Claim more targets; when none is due, none of this chunk's will be asked for again."""
        wanted = min(self.at_once, self._room)
        if wanted > 0 and not self.rules.stopped.is_set():
            key, claims = self.order.campaign.key, self.tools.store.claims
            fence, now = self.rules.fence, self.tools.clock()
            found = await in_thread(claims.claim, key, self.order.number, fence, wanted, now)
            await self._take(found)
            # Only now: a lane that finds no room and nothing in the queue goes home.
            self._room = self._room - wanted if len(found) == wanted else 0

    async def _take(self, targets: Sequence[ClaimedTarget]) -> None:
        if targets:
            await self.prepare(targets)
            self._queue.extend(targets)


async def _end(lanes: list[asyncio.Task[None]]) -> None:
    """Let lanes end by themselves, and cut off those that take too long."""
    _, late = await asyncio.wait(lanes, timeout=LAST_WORDS)
    for lane in late:
        lane.cancel()
    if late:
        await asyncio.wait(late)
