"""What the MCP tools that only look answer."""

from __future__ import annotations

import asyncio

from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput
from clarion.store.campaign_filter import CampaignFilter
from starter.looking_pages import LookingPages
from starter.mcp.answers import BatchStatus, CampaignList, Transcripts, in_words
from starter.mcp.shapes import One, WhichCampaigns, WhichTarget, WhichTranscripts
from starter.slow import slowly
from starter.why import Why, why
from starter.wiring import Installation

ERRORS = 10
"""Groups of errors in a status."""


async def list_campaigns(clarion: Installation, which: WhichCampaigns) -> CampaignList:
    """List the newest campaigns that are as wanted."""
    wanted = CampaignFilter(statuses=() if which.status is None else (which.status,), channel=which.channel)
    found = await asyncio.to_thread(clarion.looking.campaigns, which.limit + 1, wanted)
    more = ", and there are more" if len(found) > which.limit else ""
    shown = tuple(found[: which.limit])
    return CampaignList(summary=f"{len(shown)} campaigns, the newest first{more}", campaigns=shown)


async def get_batch_status(clarion: Installation, one: One) -> BatchStatus:
    """Say how a campaign stands, and who was not reached for which reason."""
    progress = await clarion.campaigns.progress(one.campaign_id)
    errors = await slowly(clarion.looking.errors, one.campaign_id)
    return BatchStatus(summary=in_words(progress), progress=progress, errors=tuple(errors[:ERRORS]))


async def get_batch_transcripts(clarion: Installation, which: WhichTranscripts) -> Transcripts:
    """Give the words of calls, or the texts that came back. Raises BadInput where nobody is talked to."""
    channel = (await clarion.campaigns.find(which.campaign_id)).spec.channel
    if channel is Channel.LEAD_ANALYSIS:
        raise BadInput(
            f'campaign "{which.campaign_id}" assesses leads and talks to nobody; `why` tells what is known of one lead'
        )
    words = _replies if channel is Channel.SMS else _calls
    return await slowly(words, clarion, which)


def _replies(clarion: Installation, which: WhichTranscripts) -> Transcripts:
    texts = clarion.looking.conversations(which.campaign_id)
    end = which.after + which.limit
    return Transcripts(
        summary=f"{len(texts):,} texts came back",
        channel=Channel.SMS,
        replies=tuple(texts[which.after : end]),
        next=end if end < len(texts) else None,
    )


def _calls(clarion: Installation, which: WhichTranscripts) -> Transcripts:
    totals = clarion.looking.call_summary(which.campaign_id)
    found = LookingPages(clarion.looking).transcripts_by_target(which.campaign_id, which.after, which.limit)
    return Transcripts(
        summary=f"{totals.calls:,} calls so far; these are {len(found.items):,} of which something is known",
        channel=Channel.CALL,
        calls=tuple(found.items),
        totals=totals,
        next=found.next,
    )


async def why_of(clarion: Installation, which: WhichTarget) -> Why:
    """Explain what became of one target."""
    return await asyncio.to_thread(why, clarion.looking, which.campaign_id, which.target)
