"""One campaign: a draft with what its check says, or its life while it runs and after it has ended."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from clarion.domain.campaign import MOST_LANES, CampaignStatus
from clarion.domain.errors import ClarionError
from clarion.store.campaigns import Campaign
from starter.dashboard.checks import checks_of
from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import fragment, page
from starter.dashboard.snapshots import CampaignSnapshot, snapshots_of
from starter.dashboard.visitors import Reader, Visitor
from starter.launching import web_ui
from starter.slow import slowly
from starter.variants import variant_results

router = APIRouter(prefix="/campaigns/{campaign_id}")

STOP_ASKING = 286
"""A status of htmx's: what answers so is not asked again."""


@router.get("")
async def campaign_page(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Show a campaign."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    if campaign.status is CampaignStatus.DRAFT:
        files = await asyncio.to_thread(visitor.clarion.store.files.of_campaign, campaign.ref.key)
        check = await checks_of(request).of(visitor.clarion, campaign)
        return page(request, "draft.html", **_common(campaign), files=files, check=check)
    snapshot = await snapshots_of(request).of(visitor.clarion, campaign)
    temporal = await _in_temporal(visitor, campaign)
    return page(request, "campaign.html", **_common(campaign), snapshot=snapshot, temporal=temporal, can=_can(snapshot))


@router.get("/live")
async def live(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Show how it stands, to a page that is open."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    snapshot = await snapshots_of(request).of(visitor.clarion, campaign)
    status = STOP_ASKING if snapshot.progress.status.is_final else 200
    given = {"snapshot": snapshot, "can": _can(snapshot), "visitor": visitor, **_common(campaign)}
    return fragment("campaign_live.html", status, **given)


@router.get("/check")
async def check(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Show how the check of a draft stands, to a page that is open."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    found = None
    if campaign.status is CampaignStatus.DRAFT:
        found = await checks_of(request).of(visitor.clarion, campaign)
    status = 200 if found is not None and found.running else STOP_ASKING
    return fragment("draft_check.html", status, visitor=visitor, check=found, **_common(campaign))


@router.get("/variants")
async def variants(request: Request, visitor: Reader, campaign_id: CampaignId) -> Response:
    """Compare what came of the variants of its words."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    found = await slowly(variant_results, visitor.clarion.looking, campaign_id)
    return page(request, "variants.html", **_common(campaign), found=found)


def _common(campaign: Campaign) -> dict[str, object]:
    return {
        "campaign": campaign,
        "spec": campaign.spec,
        "campaign_id": campaign.ref.campaign_id,
        "most_lanes": MOST_LANES[campaign.spec.channel],
    }


def _can(snapshot: CampaignSnapshot) -> dict[str, bool]:
    """Say what makes sense to be done with a campaign as it stands."""
    progress, status = snapshot.progress, snapshot.progress.status
    standing = status in {CampaignStatus.PAUSED, CampaignStatus.PAUSING}
    ending = status is CampaignStatus.CANCELLING
    alive = not status.is_final
    return {
        "pause": alive and not standing and not ending,
        "resume": alive and (standing or bool(snapshot.warning and "resume" in snapshot.warning)),
        "cancel": alive and not ending,
        "limits": alive and not ending,
        "delete": status.is_final,
        "retry": progress.books.failed > 0 and not ending,
    }


async def _in_temporal(visitor: Visitor, campaign: Campaign) -> str | None:
    """Return the address of the campaign in Temporal's Web UI, where that is known."""
    settings = visitor.clarion.settings
    if settings.temporal_ui_url is None:
        return None
    try:
        async with asyncio.timeout(1.0):
            namespace = (await visitor.clarion.connection()).namespace
    except (ClarionError, TimeoutError):
        return None
    return web_ui(settings, campaign, namespace)
