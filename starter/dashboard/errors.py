"""Who was not reached, by the reason, and the way to try again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import page
from starter.dashboard.visitors import Reader
from starter.slow import slowly

router = APIRouter(prefix="/campaigns/{campaign_id}/errors")


@router.get("")
async def errors(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Show the groups, the largest first."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    groups = await slowly(visitor.clarion.looking.errors, campaign_id)
    return page(
        request,
        "errors.html",
        campaign=campaign,
        campaign_id=campaign_id,
        groups=groups,
        most=max((group.count for group in groups), default=1),
    )
