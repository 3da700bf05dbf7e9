"""What the MCP tools do that pause, resume and cancel."""

from __future__ import annotations

import asyncio
import time

from clarion.domain.campaign import CampaignStatus
from starter.mcp.answers import Steered
from starter.mcp.confirming import Confirming, require_good
from starter.mcp.content import resuming
from starter.mcp.shapes import Cancel, Resume, Steer
from starter.wiring import Installation


async def pause_campaign(clarion: Installation, wish: Steer) -> Steered:
    """Pause."""
    reply = await clarion.campaigns.pause(wish.campaign_id, wish.reason)
    under_way = f"; {reply.under_way} under way end by themselves" if reply.under_way else ""
    return _steered(wish.campaign_id, reply.status, f"{reply.message or 'nothing new starts'}{under_way}")


async def resume_campaign(clarion: Installation, wish: Resume) -> Steered:
    """Go on, when it was confirmed. Raises BadInput or Conflict when it was not."""
    confirming = Confirming(clarion.store, clarion.settings.tenant)
    now = time.time()
    content = resuming(wish.campaign_id)
    require_good(await asyncio.to_thread(confirming.recognise, wish.confirm, content, now), now)
    reply = await clarion.campaigns.resume(wish.campaign_id)
    return _steered(wish.campaign_id, reply.status, reply.message)


async def cancel_campaign(clarion: Installation, wish: Cancel) -> Steered:
    """Cancel."""
    await clarion.campaigns.cancel(wish.campaign_id, wish.reason, hang_up=wish.hang_up)
    campaign = await clarion.campaigns.find(wish.campaign_id)
    status = campaign.status if campaign.status.is_final else CampaignStatus.CANCELLING
    return _steered(wish.campaign_id, status, "nobody else is contacted")


def _steered(campaign_id: str, status: CampaignStatus, said: str) -> Steered:
    return Steered(summary=f'campaign "{campaign_id}" is {status}: {said}', campaign_id=campaign_id, status=status)
