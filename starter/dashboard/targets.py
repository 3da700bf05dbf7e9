"""The targets of a campaign, a page at a time from the store, and why each of them stands where it does."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput, ClarionError, NotFound
from clarion.domain.target import TargetState
from clarion.store.campaigns import Campaign
from starter.dashboard.naming import CampaignId, Position
from starter.dashboard.rendering import page
from starter.dashboard.visitors import Reader
from starter.looking import Looking, TargetLine, TranscriptLine
from starter.which import nobody, positions
from starter.why import Why, why

router = APIRouter(prefix="/campaigns/{campaign_id}/targets")

SIZE = 50
FOUND = 200
"""Rows of the same number that are shown."""


@router.get("")
async def targets(
    request: Request,
    visitor: Reader,
    campaign_id: CampaignId,
    state: Annotated[str, Query(max_length=20)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """Show targets after a position, of one state or all, or those that a search means."""
    looking = visitor.clarion.looking
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    wanted = TargetState(state) if state in set(TargetState) else None
    error = ""
    try:
        shown = await asyncio.to_thread(_page, looking, campaign, wanted, q.strip(), after)
    except ClarionError as problem:
        shown, error = [], str(problem)
    return page(
        request,
        "targets.html",
        campaign=campaign,
        campaign_id=campaign_id,
        targets=shown[:SIZE] if not q.strip() else shown,
        more=not q.strip() and len(shown) > SIZE,
        state=wanted,
        states=list(TargetState),
        q=q,
        after=after,
        error=error,
    )


def _page(looking: Looking, campaign: Campaign, state: TargetState | None, search: str, after: int) -> list[TargetLine]:
    key = campaign.ref.key
    if not search:
        rows = looking.store.targets.page(key, state=state, after=after, limit=SIZE + 1)
        return [TargetLine.model_validate(row) for row in rows]
    if "\0" in search:
        raise BadInput("a search cannot hold the character NUL; type a number, a position or row:17")
    meant = positions(looking, campaign, search)[:FOUND]
    # The page of a target knows its last attempt, which the bare row does not.
    rows = [row for at in meant for row in looking.store.targets.page(key, after=at - 1, limit=1) if row.position == at]
    if not rows:
        raise NotFound(nobody(campaign, search))
    return [TargetLine.model_validate(row) for row in rows]


@router.get("/{position}")
async def target(request: Request, visitor: Reader, campaign_id: CampaignId, position: Position) -> Response:
    """Show why a target stands where it does, and all that happened to it."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    looked, calls = await asyncio.to_thread(_looked, visitor.clarion.looking, campaign, position)
    return page(request, "target.html", campaign=campaign, campaign_id=campaign_id, why=looked, calls=calls)


def _looked(looking: Looking, campaign: Campaign, position: int) -> tuple[Why, list[TranscriptLine]]:
    looked = why(looking, campaign.ref.campaign_id, f"{position}")
    of_calls = campaign.spec.channel is Channel.CALL
    return looked, looking.calls(campaign.ref.key, position) if of_calls else []
