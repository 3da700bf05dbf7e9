"""The activity that sends texts: opens a chunk, lets its lanes work, closes it and reports what it came to."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from activities.message_chunk import MessageChunk, Sending
from activities.tools import Tools
from clarion.contracts import ChunkOrder, ChunkReport
from clarion.store.claims import Execution
from clarion.store.entries import Halt


class MessageActivities:
    """Sends texts through the accounts of this installation."""

    def __init__(self, tools: Tools, accounts: Mapping[str, Sending]) -> None:
        """``accounts``: by name."""
        self._tools = tools
        self._accounts = accounts

    @activity.defn
    async def dispatch_message_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Text up to ``order.size`` due targets; what it did not start goes back."""
        async with as_failures():
            tools, key = self._tools, order.campaign.key
            campaign = await in_thread(tools.store.campaigns.get, key)
            sending = self._accounts.get(campaign.account)
            if sending is None:
                why = f'account "{campaign.account}" is not set up on this worker'
                await tools.ledger.submit(Halt(key, why))
                return await self._report(order, worked=0)
            chunk = MessageChunk(tools, sending, order, campaign.spec, campaign.started_at or tools.clock())
            async with beating(lambda: {"done": chunk.done, "of": order.size}, on_shutdown=chunk.stop):
                return await self._report(order, await self._work(order, chunk))

    async def _work(self, order: ChunkOrder, chunk: MessageChunk) -> int:
        claims, clock, info = self._tools.store.claims, self._tools.clock, activity.info()
        this = order.campaign.key, order.number
        execution = Execution(info.scheduled_time.timestamp(), info.attempt, self._tools.worker)
        opened = await in_thread(claims.open_chunk, *this, execution, clock())
        try:
            await chunk.work(opened)
        finally:
            taken = await in_thread(claims.close_chunk, *this, opened.fence, clock())
        return taken

    async def _report(self, order: ChunkOrder, worked: int) -> ChunkReport:
        campaigns, key = self._tools.store.campaigns, order.campaign.key
        snapshot = await in_thread(campaigns.snapshot, key, self._tools.clock())
        halt = (await in_thread(campaigns.get, key)).halt
        return ChunkReport(number=order.number, worked=worked, halt=halt, snapshot=snapshot)
