"""What was said: transcripts of calls, a page at a time, and what people answered to texts."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from clarion.domain.campaign import Channel
from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import page
from starter.dashboard.visitors import Reader
from starter.looking import CallSummaryLine, Looking, TranscriptLine
from starter.looking_pages import LookingPages, Slice
from starter.slow import slowly

router = APIRouter(prefix="/campaigns/{campaign_id}")

SIZE = 20


@router.get("/transcripts")
async def transcripts(
    request: Request, visitor: Reader, campaign_id: CampaignId, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> Response:
    """Show calls of which something is known, after a position."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    found: Slice[TranscriptLine, int] = Slice((), None)
    summary = None
    if campaign.spec.channel is Channel.CALL:
        found, summary = await slowly(_calls, visitor.clarion.looking, campaign_id, after)
    return page(
        request,
        "transcripts.html",
        campaign=campaign,
        campaign_id=campaign_id,
        calls=found.items,
        summary=summary,
        next_after=found.next,
        after=after,
    )


def _calls(looking: Looking, campaign_id: str, after: int) -> tuple[Slice[TranscriptLine, int], CallSummaryLine | None]:
    found = LookingPages(looking).transcripts_by_target(campaign_id, after, SIZE)
    return found, looking.call_summary(campaign_id) if not after else None


MOST = 500
"""Answers shown on one page, the latest of all."""


@router.get("/replies")
async def replies(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Show what people answered, the latest first."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    found = await asyncio.to_thread(visitor.clarion.looking.conversations, campaign_id)
    shown = list(islice(reversed(found), MOST))
    return page(request, "replies.html", campaign=campaign, campaign_id=campaign_id, replies=shown, count=len(found))
