"""The list of campaigns: how far each has come, and filters."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import BadInput
from clarion.store.campaign_filter import CampaignFilter
from starter.dashboard.rendering import fragment, page
from starter.dashboard.snapshots import listed, snapshots_of
from starter.dashboard.visitors import Reader, Visitor

router = APIRouter()

SIZE = 25
LARGEST_KEY = 2**62

Status = Annotated[str, Query(max_length=20)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_KEY)]
Search = Annotated[str, Query(max_length=200)]


def _wanted(status: Status = "", channel: Status = "", q: Search = "", before: Before = None) -> CampaignFilter:
    text = q.strip()
    if "\0" in text:
        raise BadInput("a search cannot hold the character NUL; type what the campaign is called")
    return CampaignFilter(
        statuses=(CampaignStatus(status),) if status in set(CampaignStatus) else (),
        channel=Channel(channel) if channel in set(Channel) else None,
        search=text or None,
        before=before,
    )


Wanted = Annotated[CampaignFilter, Depends(_wanted)]
"""What the address asks for."""


@router.get("/")
async def campaigns(request: Request, visitor: Reader, wanted: Wanted) -> Response:
    """List campaigns, the newest first."""
    return page(request, "campaigns.html", **await _shown(request, visitor, wanted))


@router.get("/campaigns.rows")
async def rows(request: Request, visitor: Reader, wanted: Wanted) -> Response:
    """The same list, for a page that is open."""
    return fragment("campaigns_rows.html", **await _shown(request, visitor, wanted))


async def _shown(request: Request, visitor: Visitor, wanted: CampaignFilter) -> dict[str, object]:
    tenant, store = visitor.tenant, visitor.clarion.store
    lists = snapshots_of(request).lists
    found = await lists.get((tenant, wanted), lambda: listed(store, tenant, wanted, SIZE + 1))
    status = next(iter(wanted.statuses), None)
    chosen = {"status": status, "channel": wanted.channel, "q": wanted.search}
    query = {name: value for name, value in chosen.items() if value}
    here = query | ({"before": wanted.before} if wanted.before else {})
    shown = found[:SIZE]
    return {
        "campaigns": shown,
        "wanted": wanted,
        "status": status,
        "statuses": list(CampaignStatus),
        "channels": list(Channel),
        "here": urlencode(here),
        "older": urlencode(query | {"before": shown[-1].campaign.ref.key}) if len(found) > SIZE else None,
        "filtered": bool(here),
        "operates": visitor.operates,
    }
