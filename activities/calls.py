"""The activity that calls people: opens a chunk, lets its lane work, closes it and reports what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.call_chunk import CallChunk, Desk
from activities.call_lane import Calling, Patience
from activities.call_watch import CallWatch
from activities.chunks import cannot_begin, close_chunk, open_chunk, report_on
from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from activities.tools import Tools
from clarion.contracts import ChunkOrder, ChunkReport
from clarion.domain.errors import BadInput

HANDED_OVER = timedelta(seconds=0.1)
"""Before another worker takes up the call that this one holds."""


class CallActivities:
    """Calls people through the accounts of this installation."""

    def __init__(self, tools: Tools, accounts: Mapping[str, Calling], watcher: CallWatch, patience: Patience) -> None:
        """``accounts``: by name. ``watcher``: the one of this process."""
        self._tools = tools
        self._accounts = accounts
        self._watcher = watcher
        self._patience = patience

    @activity.defn
    async def dispatch_call_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Call up to ``order.size`` due targets, one after the other, and hold each call to its end.

        Called off, it begins nothing new and returns when the call under way has ended. Where its worker stops, or
        an operator pauses it in Temporal, it leaves the call to its next attempt and raises a retryable failure.
        """
        async with as_failures():
            campaign = await in_thread(self._tools.store.campaigns.get, order.campaign.key)
            if campaign.spec.call is None:
                channel = campaign.spec.channel
                message = f'campaign "{order.campaign.campaign_id}" makes no calls: its channel is {channel}'
                raise BadInput(message)
            calling = self._accounts.get(campaign.account)
            if calling is None:
                why = f'account "{campaign.account}" is not set up for calls on this worker'
                return await cannot_begin(self._tools, order, why)
            desk = Desk(self._tools, calling, self._watcher, self._patience)
            started_at = campaign.started_at or self._tools.clock()
            chunk = CallChunk(desk, order, campaign.spec, campaign.spec.call, started_at)
            async with beating(lambda: _signs(chunk, order), on_shutdown=chunk.hand_over):
                return await _through(self._work(order, chunk), chunk)

    async def _work(self, order: ChunkOrder, chunk: CallChunk) -> ChunkReport:
        opened = await open_chunk(self._tools, order)
        try:
            is_done = await chunk.work(opened)
        except BaseException:
            await close_chunk(self._tools, order, opened)
            raise
        if not is_done and _has_successor():
            message = "this worker stops while a call is under way; another one goes on with it"
            raise ApplicationError(message, type="WorkerShutdown", next_retry_delay=HANDED_OVER)
        return await report_on(self._tools, order, await close_chunk(self._tools, order, opened))


def _signs(chunk: CallChunk, order: ChunkOrder) -> dict[str, object]:
    return {"done": chunk.done, "of": order.size, "call": chunk.doing}


async def _through(work: Coroutine[object, object, ChunkReport], chunk: CallChunk) -> ChunkReport:
    """Let the chunk come to its end, whatever Temporal asks for: a call under way cannot be called off by us."""
    working = asyncio.create_task(work, name="a chunk of calls")
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError:
            if _is_called_off() and not activity.is_worker_shutdown():
                chunk.stop()
            else:
                chunk.hand_over()
    return working.result()


def _is_called_off() -> bool:
    """Whether the campaign does not want this chunk any more."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested


def _has_successor() -> bool:
    """Whether Temporal gives this chunk to another worker when it fails: not once it was called off."""
    details = activity.cancellation_details()
    return details is None or not (details.cancel_requested or details.not_found)
