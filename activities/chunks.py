"""One execution of a chunk's activity, whatever its lanes do: open, let it work, close, report what it came to."""

from __future__ import annotations

from typing import Protocol

from temporalio import activity

from activities.failures import in_thread
from activities.heartbeat import beating
from activities.tools import Tools
from clarion.contracts import ChunkOrder, ChunkReport
from clarion.store.claims import Execution, OpenChunk
from clarion.store.entries import Halt


class Chunk(Protocol):
    """What works on a chunk's targets."""

    done: int

    async def work(self, opened: OpenChunk) -> None:
        """Work until nothing is due, its size is done, its time is up, or it is called off."""
        ...

    def stop(self) -> None:
        """Begin nothing new."""
        ...


async def run_chunk(tools: Tools, order: ChunkOrder, chunk: Chunk) -> ChunkReport:
    """Run a chunk to its end; what it did not start goes back. Raises what its lanes raise."""
    async with beating(lambda: {"done": chunk.done, "of": order.size}, on_shutdown=chunk.stop):
        opened = await open_chunk(tools, order)
        try:
            await chunk.work(opened)
        finally:
            taken = await close_chunk(tools, order, opened)
        return await report_on(tools, order, taken)


async def open_chunk(tools: Tools, order: ChunkOrder) -> OpenChunk:
    """Take a chunk over from whoever worked on it before. Raises Conflict when a later execution has it already."""
    info = activity.info()
    execution = Execution(info.scheduled_time.timestamp(), info.attempt, tools.worker)
    return await in_thread(tools.store.claims.open_chunk, order.campaign.key, order.number, execution, tools.clock())


async def close_chunk(tools: Tools, order: ChunkOrder, opened: OpenChunk) -> int:
    """Give back what was not started; return how many targets the chunk has taken up."""
    this = order.campaign.key, order.number
    return await in_thread(tools.store.claims.close_chunk, *this, opened.fence, tools.clock())


async def report_on(tools: Tools, order: ChunkOrder, worked: int) -> ChunkReport:
    """Say how the campaign stands after a chunk that ``worked`` on so many targets."""
    campaigns, key = tools.store.campaigns, order.campaign.key
    snapshot = await in_thread(campaigns.snapshot, key, tools.clock())
    halt = (await in_thread(campaigns.get, key)).halt
    return ChunkReport(number=order.number, worked=worked, halt=halt, snapshot=snapshot)


async def cannot_begin(tools: Tools, order: ChunkOrder, why: str) -> ChunkReport:
    """Halt the campaign: no chunk of it can be worked on here."""
    await tools.ledger.submit(Halt(order.campaign.key, why))
    return await report_on(tools, order, worked=0)
