"""The activity that sends texts."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from activities.chunks import cannot_begin, run_chunk
from activities.failures import as_failures, in_thread
from activities.message_chunk import MessageChunk, Sending
from activities.tools import Tools
from clarion.contracts import ChunkOrder, ChunkReport


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
            tools = self._tools
            campaign = await in_thread(tools.store.campaigns.get, order.campaign.key)
            sending = self._accounts.get(campaign.account)
            if sending is None:
                return await cannot_begin(tools, order, f'account "{campaign.account}" is not set up on this worker')
            started_at = campaign.started_at or tools.clock()
            return await run_chunk(tools, order, MessageChunk(tools, order, campaign.spec, started_at, sending))
