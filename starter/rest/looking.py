"""Routes that look at one campaign: how it stands, what was tried, said and answered, and what went wrong."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from starter.campaign_analytics import (
    LEAST_INTERVAL,
    LONGEST_INTERVAL,
    CampaignAnalytics,
    Stats,
    campaign_analytics,
    stats,
)
from starter.looking import CallSummaryLine, ConversationLine, ErrorGroup, TranscriptLine
from starter.looking_pages import CallLine, LogLine, LookingPages, MessageLine
from starter.progress import Progress
from starter.rest.bodies import CampaignId
from starter.rest.callers import Reader
from starter.rest.cursors import attempt_after, of_numbers, of_text, page_of, text_place_after, whole
from starter.rest.paging import Cursor, Limit, Page, number_after
from starter.slow import slowly

router = APIRouter(prefix="/campaigns/{campaign_id}", tags=["Looking"])

Interval = Annotated[
    int | None,
    Query(
        ge=LEAST_INTERVAL,
        le=LONGEST_INTERVAL,
        description="Seconds of each point. Without it, as long as a few hundred points need.",
        examples=[300],
    ),
]
TimeZone = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=60,
        pattern=r"^[A-Za-z0-9+_/-]+$",
        description="Zone of targets whose rows name none. Without it, that of the campaign's window, or UTC.",
        examples=["Europe/Berlin"],
    ),
]


def _pages_of(caller: Reader) -> LookingPages:
    return LookingPages(caller.clarion.looking)


Pages = Annotated[LookingPages, Depends(_pages_of)]
"""What the caller's tenant can leaf through."""


@router.get("/progress", summary="How a campaign stands")
async def progress(campaign_id: CampaignId, caller: Reader) -> Progress:
    """Books, rate, expected end, lanes and limits: what `clarion progress` tells."""
    return await caller.clarion.campaigns.progress(campaign_id)


@router.get("/stats", summary="What a campaign has come to")
async def stats_of(campaign_id: CampaignId, caller: Reader) -> Stats:
    """Books, outcomes, attempts, durations and money, whatever the channel."""
    return await slowly(stats, caller.clarion.looking, campaign_id)


@router.get("/analytics", summary="How a campaign went over time")
async def analytics(
    campaign_id: CampaignId, caller: Reader, interval: Interval = None, time_zone: TimeZone = None
) -> CampaignAnalytics:
    """Contacts by interval, and outcomes by the hour of the day at which the attempt began."""
    return await slowly(campaign_analytics, caller.clarion.looking, campaign_id, interval=interval, time_zone=time_zone)


@router.get("/errors", summary="Who was not reached, by reason")
async def errors(campaign_id: CampaignId, caller: Reader) -> Page[ErrorGroup]:
    """The largest group first, each with its first rows, and whether another try helps."""
    return whole(await slowly(caller.clarion.looking.errors, campaign_id))


@router.get("/calls", summary="Attempts to call")
async def calls(campaign_id: CampaignId, pages: Pages, limit: Limit = 100, cursor: Cursor = None) -> Page[CallLine]:
    """Every call with its outcome, duration and cost, in the order of the audience; none where nobody is called."""
    found = await asyncio.to_thread(pages.calls, campaign_id, attempt_after(cursor), limit)
    return page_of(found, of_numbers)


@router.get("/messages", summary="Attempts to send a text")
async def messages(
    campaign_id: CampaignId, pages: Pages, limit: Limit = 100, cursor: Cursor = None
) -> Page[MessageLine]:
    """Every attempt with what its provider said, in the order of the audience; none where no texts are sent."""
    found = await asyncio.to_thread(pages.messages, campaign_id, attempt_after(cursor), limit)
    return page_of(found, of_numbers)


@router.get("/transcripts", summary="What was said in calls")
async def transcripts(
    campaign_id: CampaignId, pages: Pages, limit: Limit = 100, cursor: Cursor = None
) -> Page[TranscriptLine]:
    """Turn by turn, with the provider's summary and analysis; calls of which neither is known are left out."""
    found = await asyncio.to_thread(pages.transcripts, campaign_id, attempt_after(cursor), limit)
    return page_of(found, of_numbers)


@router.get("/transcripts/summary", summary="What all calls came to")
async def summary(campaign_id: CampaignId, caller: Reader) -> CallSummaryLine:
    """Outcomes, minutes, cost, and the providers' analyses by value."""
    return await slowly(caller.clarion.looking.call_summary, campaign_id)


@router.get("/conversations", summary="What people answered")
async def conversations(
    campaign_id: CampaignId, pages: Pages, limit: Limit = 100, cursor: Cursor = None
) -> Page[ConversationLine]:
    """Texts that came back, the oldest first."""
    found = await asyncio.to_thread(pages.conversations, campaign_id, text_place_after(cursor), limit)
    return page_of(found, of_text)


@router.get("/log", summary="What happened")
async def log(campaign_id: CampaignId, pages: Pages, limit: Limit = 100, cursor: Cursor = None) -> Page[LogLine]:
    """Every line of the campaign's log, the oldest first; those about a contact may name its number."""
    found = await asyncio.to_thread(pages.log, campaign_id, number_after(cursor), limit)
    return page_of(found, int)
