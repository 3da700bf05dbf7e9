"""The lanes of a campaign: which chunks run now, and how many lanes each of them holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, TimeoutError, is_cancelled_exception  # noqa: A004 - the SDK's name

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, ChunkOrder, ChunkReport
    from clarion.domain.campaign import Channel
    from workflows import policies


class Lanes:
    """A window of running chunks; the sum of their lanes never exceeds what is allowed."""

    def __init__(self, given: CampaignInput, dispatch: Callable[[ChunkOrder], Awaitable[ChunkReport]]) -> None:
        """``dispatch`` runs one chunk to its end."""
        self._given = given
        self._dispatch = dispatch
        self._running: dict[asyncio.Task[ChunkReport], int] = {}
        self._called_off: set[asyncio.Task[ChunkReport]] = set()

    @property
    def busy(self) -> bool:
        """Whether any chunk runs."""
        return bool(self._running)

    @property
    def taken(self) -> int:
        """Lanes that running chunks hold."""
        return sum(self._running.values())

    @property
    def held(self) -> int:
        """Lanes of those chunks that have not ended."""
        return sum(lanes for chunk, lanes in self._running.items() if not chunk.done())

    @property
    def any_done(self) -> bool:
        """Whether a chunk has ended and waits to be collected."""
        return any(chunk.done() for chunk in self._running)

    @property
    def all_done(self) -> bool:
        """Whether every chunk has ended."""
        return all(chunk.done() for chunk in self._running)

    def fill(self, allowed: int, left: int, last_number: int) -> int:
        """Start chunks until all ``allowed`` lanes are taken; return the number of the last chunk started.

        ``left``: targets still to be contacted, which shapes the chunks.
        """
        number = last_number
        while (free := allowed - self.taken) > 0:
            shape = self._shape(free, allowed, left)
            number += 1
            order = ChunkOrder(
                campaign=self._given.campaign,
                number=number,
                lanes=shape.lanes,
                size=shape.size,
                seconds=self._given.chunk_seconds,
            )
            self._running[asyncio.create_task(self._run(order))] = shape.lanes
        return number

    def shrink(self, allowed: int) -> None:
        """Call off the latest chunks beyond ``allowed`` lanes: each ends when the call it holds has ended."""
        over = self.taken - sum(self._running[chunk] for chunk in self._called_off) - allowed
        for chunk in reversed(list(self._running)):
            if over <= 0:
                break
            if chunk not in self._called_off and not chunk.done():
                self._called_off.add(chunk)
                chunk.cancel()
                over -= self._running[chunk]

    def collect(self) -> list[ChunkReport]:
        """Take out the chunks that have ended. Raises ActivityError when one could not be worked on at all."""
        ended = [chunk for chunk in self._running if chunk.done()]
        for chunk in ended:
            del self._running[chunk]
        return [report for chunk in ended if (report := self._report(chunk)) is not None]

    def _report(self, chunk: asyncio.Task[ChunkReport]) -> ChunkReport | None:
        """None: it was called off before a worker took it up."""
        called_off = chunk in self._called_off
        self._called_off.discard(chunk)
        if called_off and chunk.cancelled():
            return None
        try:
            return chunk.result()
        except ActivityError as error:
            if called_off and is_cancelled_exception(error):
                return None
            raise

    def _shape(self, free: int, allowed: int, left: int) -> policies.ChunkShape:
        size = self._given.chunk_size
        if self._given.channel is Channel.CALL:
            # One lane each, so that no lane waits for another's call; it takes up one target after the other.
            return policies.ChunkShape(lanes=1, size=size)
        asks = self._given.channel is Channel.LEAD_ANALYSIS
        return policies.next_chunk(
            free_lanes=free,
            all_lanes=allowed,
            size_per_lane=size,
            left=left,
            most_lanes=policies.QUESTION_LANES_PER_CHUNK if asks else policies.LANES_PER_CHUNK,
        )

    async def _run(self, order: ChunkOrder) -> ChunkReport:
        try:
            return await self._dispatch(order)
        except ActivityError as error:
            called_off = asyncio.current_task() in self._called_off
            if not (called_off and isinstance(error.cause, TimeoutError)):
                raise
        # Temporal tries nothing again that was called off, so a worker that died with a call left it to nobody: this
        # lane takes it up again, which comes before everything else that a chunk may take.
        return await self._dispatch(order.model_copy(update={"size": 1}))
