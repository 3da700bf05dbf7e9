"""How a campaign stands, counted as the older systems counted: from the first contact on, not from the import on."""

from __future__ import annotations

import asyncio

from clarion.domain.books import Books
from starter.draft_contacts import count_rows
from starter.progress import Progress
from starter.rest.callers import Caller


async def standing(caller: Caller, campaign_id: str) -> Progress:
    """Return a campaign's progress; what waits in its files to be imported is pending. Raises NotFound."""
    progress = await caller.clarion.campaigns.progress(campaign_id)
    if progress.books.total or progress.status.is_final:
        return progress
    campaign = await caller.clarion.campaigns.find(campaign_id)
    rows = await asyncio.to_thread(count_rows, caller.clarion.looking, campaign)
    return progress.model_copy(update={"books": Books(total=rows, pending=rows)})
