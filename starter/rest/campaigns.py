"""Campaigns: making, listing, looking at, changing and deleting them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import BadInput
from clarion.store.campaign_filter import CampaignFilter
from clarion.store.campaigns import Campaign
from starter.changing import change
from starter.rest.bodies import CampaignId, Search
from starter.rest.callers import Caller, Operator, Reader
from starter.rest.campaign_views import (
    EXAMPLE,
    CampaignBody,
    CampaignItem,
    CampaignView,
    Changes,
    campaign_items,
    campaign_view,
    contacts_of,
)
from starter.rest.idempotency import Answer, Once
from starter.rest.paging import LARGEST, Cursor, Limit, Page, cursor_at, number_after

router = APIRouter(tags=["campaigns"])

LAST = 1e11
"""Epoch seconds, far away."""

ALIASES = ("processing", "active", "in_progress")
WORDS = (*(status.value for status in CampaignStatus), *ALIASES)

Status = Annotated[str, Field(json_schema_extra={"enum": list(WORDS)})]
Statuses = Annotated[
    list[Status] | None,
    Query(description="Only campaigns with one of these; other systems' words for running are understood."),
]
Account = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="Only of this account.")
]
Since = Annotated[float | None, Query(ge=0, le=LAST, description="Made at this time (epoch seconds) or later.")]
Until = Annotated[float | None, Query(ge=0, le=LAST, description="Made before this time (epoch seconds).")]

MADE: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "Made",
        "headers": {"Location": {"description": "Where the campaign is.", "schema": {"type": "string"}}},
    }
}


def base_of(request: Request) -> str:
    """Return the address below which all campaigns are."""
    return f"{request.scope.get('root_path', '')}/campaigns"


async def shown(caller: Caller, campaign: Campaign, base: str) -> CampaignView:
    """Show a campaign."""
    return await asyncio.to_thread(campaign_view, caller.clarion.store, campaign, base)


@router.post(
    "/campaigns",
    status_code=201,
    response_model=CampaignView,
    responses=MADE,
    openapi_extra={"requestBody": {"content": {"application/json": {"example": EXAMPLE}}}},
)
async def create(body: CampaignBody, caller: Operator, once: Once, request: Request) -> Response:
    """Make a campaign: a draft, or one that starts at once. Contacts may come along, or be added later."""
    base = base_of(request)

    async def work(_: bool) -> Answer:
        spec, given = body.read()
        name = given.id or once.id_for(spec.name)
        again = once.key is not None
        drafts = caller.clarion.drafts
        campaign = await drafts.put(spec, name, contacts_of(given), start=given.start, again=again)
        return Answer(201, await shown(caller, campaign, base), f"{base}/{campaign.ref.campaign_id}")

    return await once(work)


@router.get("/campaigns")
async def list_campaigns(
    caller: Reader,
    *,
    status: Statuses = None,
    channel: Annotated[Channel | None, Query(description="Only of this channel.")] = None,
    account: Account = None,
    search: Search = None,
    created_after: Since = None,
    created_before: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CampaignItem]:
    """List campaigns, the newest first. Templates are not among them."""
    wanted = CampaignFilter(
        statuses=_statuses(status or []),
        channel=channel,
        account=account,
        search=search,
        created_after=created_after,
        created_before=created_before,
        before=number_after(cursor, LARGEST),
    )
    return await asyncio.to_thread(_page, caller, wanted, limit)


def _page(caller: Caller, wanted: CampaignFilter, limit: int) -> Page[CampaignItem]:
    store = caller.clarion.store
    found = store.campaigns.list(caller.tenant, limit=limit + 1, wanted=wanted)
    more = cursor_at(found[limit - 1].ref.key) if len(found) > limit else None
    return Page(items=campaign_items(store, found[:limit]), next=more)


def _statuses(words: list[str]) -> frozenset[CampaignStatus]:
    if wrong := [word for word in words if word not in WORDS]:
        raise BadInput(f'status "{wrong[0]}" is none; give one of {", ".join(WORDS)}')
    return frozenset(CampaignStatus(word) for word in words)


@router.get("/campaigns/{campaign_id}")
async def show(campaign_id: CampaignId, caller: Reader, request: Request) -> CampaignView:
    """Look at a campaign: what it says, how it stands, and where to look further."""
    return await shown(caller, await caller.clarion.campaigns.find(campaign_id), base_of(request))


@router.patch("/campaigns/{campaign_id}")
async def update(campaign_id: CampaignId, body: Changes, caller: Operator, request: Request) -> CampaignView:
    """Change a campaign by a JSON Merge Patch: null takes a key away.

    All of a draft can change; it is checked whole, and against the contacts that it has. Afterwards only `name`,
    `limits` (concurrency and rates) and `budget` can.
    """
    campaign = await change(caller.clarion.drafts, campaign_id, body)
    return await shown(caller, campaign, base_of(request))


@router.delete("/campaigns/{campaign_id}", status_code=204)
async def delete(campaign_id: CampaignId, caller: Operator) -> None:
    """Delete a draft, or a campaign that has ended, with its contacts, attempts, calls, files and log.

    What people wrote to you stays, and so does the do-not-contact list.
    """
    await caller.clarion.drafts.delete(campaign_id)
