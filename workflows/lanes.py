"""The lanes of a campaign: which chunks run now, and how many lanes each of them holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, ChunkOrder, ChunkReport
    from workflows import policies


class Lanes:
    """A window of running chunks; the sum of their lanes never exceeds what is allowed."""

    def __init__(self, given: CampaignInput, dispatch: Callable[[ChunkOrder], Awaitable[ChunkReport]]) -> None:
        """``dispatch`` runs one chunk to its end."""
        self._given = given
        self._dispatch = dispatch
        self._running: dict[asyncio.Task[ChunkReport], int] = {}

    @property
    def busy(self) -> bool:
        """Whether any chunk runs."""
        return bool(self._running)

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
        while (free := allowed - sum(self._running.values())) > 0:
            shape = policies.next_chunk(
                free_lanes=free, all_lanes=allowed, size_per_lane=self._given.chunk_size, left=left
            )
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

    def collect(self) -> list[ChunkReport]:
        """Take out the chunks that have ended. Raises ActivityError when one could not be worked on at all."""
        ended = [chunk for chunk in self._running if chunk.done()]
        for chunk in ended:
            del self._running[chunk]
        return [chunk.result() for chunk in ended]

    async def _run(self, order: ChunkOrder) -> ChunkReport:
        return await self._dispatch(order)
