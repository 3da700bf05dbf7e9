"""Schedules in the browser: when campaigns begin again and again, what came of the last ones, and steering them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from clarion.domain.errors import BadInput, ClarionError, NotFound
from clarion.domain.schedule import Schedule, next_firings, parse_schedule
from clarion.store.campaign_filter import CampaignFilter
from clarion.store.campaigns import Campaign
from starter.dashboard.form import instant
from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Operator, Reader, Visitor
from starter.schedule_views import ScheduleView

router = APIRouter(prefix="/schedules")

PATH = "/schedules"
OFFERED = 50
"""Campaigns, the newest, of which a schedule can be made."""

Reason = Annotated[str, Form(max_length=500)]
Source = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]
FIELDS = ("source", "template_id", "cron", "time_zone", "until", "overlap", "catch_up")


@router.get("")
async def schedules(request: Request, visitor: Reader) -> Response:
    """List schedules with their next moments and what came of the last ones."""
    found = await visitor.clarion.schedules.list()
    ends = await asyncio.to_thread(_ends, visitor, found)
    return page(request, "schedules.html", schedules=found, ends=ends)


@router.get("/new")
async def form(request: Request, visitor: Operator, source: Source = "") -> Response:
    """Ask of what, and when."""
    return await _form(request, visitor, {"source": source})


@router.post("/new")
async def create(request: Request, visitor: Operator) -> Response:
    """Show which moments somebody means; have campaigns begin at them once that was confirmed."""
    async with request.form(max_files=0, max_fields=20) as given:
        typed = {name: value for name, value in given.items() if isinstance(value, str)}
    try:
        schedule = _schedule(typed)
        source = await visitor.clarion.campaigns.find(typed.get("source", "").strip())
        coming = next_firings(schedule, time.time())
        if not coming:
            raise BadInput("no moment is left before the end; give a later one, or leave it empty")
        if not typed.get("sure"):
            return await _form(request, visitor, typed, source=source, coming=coming)
        made = await _create(visitor, source, schedule, typed.get("template_id", "").strip() or None)
    except ClarionError as error:
        return await _form(request, visitor, typed, error=str(error))
    return go(f"{PATH}#{made.schedule_id}", f"campaigns of {made.schedule_id} begin by themselves now")


@router.post("/{campaign_id}/pause")
async def pause(request: Request, visitor: Operator, campaign_id: CampaignId, reason: Reason = "") -> Response:
    """Begin no campaigns until it is resumed."""
    request.state.back = PATH
    await visitor.clarion.schedules.pause(campaign_id, reason.strip())
    return go(PATH, f"{campaign_id} is paused; campaigns that run go on")


@router.post("/{campaign_id}/resume")
async def resume(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Begin campaigns again."""
    request.state.back = PATH
    await visitor.clarion.schedules.resume(campaign_id)
    return go(PATH, f"{campaign_id} goes on; moments that have passed are not made up for")


@router.post("/{campaign_id}/trigger")
async def trigger(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Begin a campaign now, by the same rules as at the schedule's own moments."""
    request.state.back = PATH
    came = await visitor.clarion.schedules.trigger(campaign_id)
    if came.campaign_id is None:
        return go(PATH, f"no campaign has begun: {came.reason}", bad=True)
    return go(f"/campaigns/{came.campaign_id}", "begun by hand")


@router.post("/{campaign_id}/remove")
async def remove(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Begin no more campaigns; the template stays."""
    request.state.back = PATH
    await visitor.clarion.schedules.remove(campaign_id)
    return go(PATH, f"no more campaigns of {campaign_id} begin by themselves; the template stays")


def _schedule(typed: Mapping[str, str]) -> Schedule:
    given = {name: typed[name].strip() for name in FIELDS[2:] if typed.get(name, "").strip()}
    wish: dict[str, object] = dict(given)
    if "until" in given:
        wish["until"] = instant(given["until"], given.get("time_zone", "UTC"), "until")
    return parse_schedule(wish)


async def _create(visitor: Visitor, source: Campaign, schedule: Schedule, template_id: str | None) -> ScheduleView:
    clarion, name = visitor.clarion, source.ref.campaign_id
    if source.template:
        return await clarion.schedules.create(name, schedule)
    made = await clarion.templates.save_campaign(name, template_id)
    try:
        return await clarion.schedules.create(made.template_id, schedule)
    except BaseException:
        await clarion.templates.remove(made.template_id)  # nobody asked for it alone
        raise


async def _form(
    request: Request,
    visitor: Visitor,
    typed: Mapping[str, str],
    *,
    error: str | None = None,
    source: Campaign | None = None,
    coming: Sequence[float] = (),
) -> Response:
    templates = [one for one in await visitor.clarion.templates.list() if one.schedule is None]
    campaigns = await asyncio.to_thread(
        visitor.clarion.store.campaigns.list, visitor.tenant, limit=OFFERED, wanted=CampaignFilter()
    )
    return page(
        request,
        "schedule_new.html",
        422 if error else 200,
        error=error,
        typed=typed,
        templates=templates,
        campaigns=[one for one in campaigns if one.spec.feed is None],
        source=source,
        coming=coming,
        fields=FIELDS,
        zones=sorted(available_timezones()),
    )


def _ends(visitor: Visitor, found: Sequence[ScheduleView]) -> dict[str, Campaign]:
    """Look up the campaigns that have begun, those that are still kept."""
    kept: dict[str, Campaign] = {}
    for name in {firing.campaign_id for view in found for firing in view.firings if firing.campaign_id}:
        try:
            kept[name] = visitor.clarion.store.campaigns.find(visitor.tenant, name)
        except NotFound:
            continue
    return kept
