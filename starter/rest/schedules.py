"""Schedules: campaigns that begin again and again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from clarion.domain.schedule import parse_schedule
from starter.rest.bodies import CampaignId
from starter.rest.callers import Operator, Reader
from starter.rest.cursors import whole
from starter.rest.paging import Page
from starter.rest.steering import Body, WithReason
from starter.schedule_views import FiringView, ScheduleView

router = APIRouter(prefix="/schedules", tags=["schedules"])


class ScheduleWish(Body):
    """When campaigns of a template begin."""

    template_id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="The template.", examples=["weekly"])
    ]
    cron: Annotated[
        str,
        Field(min_length=6, max_length=200, description="A cron line of five fields.", examples=["0 9 * * mon-fri"]),
    ]
    time_zone: Annotated[
        str, Field(min_length=1, max_length=64, description="On whose clock.", examples=["Europe/Berlin"])
    ]
    until: Annotated[
        str | None,
        Field(max_length=40, description="No campaign begins after this.", examples=["2027-12-31T23:59:59+01:00"]),
    ] = None
    overlap: Annotated[
        Literal["skip", "allow"],
        Field(description="While an earlier campaign still runs: skip the moment, or allow another one beside it."),
    ] = "skip"
    catch_up: Annotated[
        float | Annotated[str, Field(max_length=40)],
        Field(description='How late a campaign may begin, in seconds or as "1h".', examples=["1h"]),
    ] = 3600.0


@router.get("")
async def listed(caller: Reader) -> Page[ScheduleView]:
    """List schedules with their next moments, and what came of the last ones."""
    return whole(await caller.clarion.schedules.list())


@router.post("", status_code=201)
async def create(wish: ScheduleWish, caller: Operator) -> ScheduleView:
    """Have campaigns of a template begin again and again. Sent again, it is refused: a template has one schedule."""
    schedule = parse_schedule(wish.model_dump(exclude={"template_id"}))
    return await caller.clarion.schedules.create(wish.template_id, schedule)


@router.get("/{campaign_id}")
async def show(campaign_id: CampaignId, caller: Reader) -> ScheduleView:
    """Look at a schedule; its id is that of its template."""
    return await caller.clarion.schedules.show(campaign_id)


@router.post("/{campaign_id}/pause")
async def pause(campaign_id: CampaignId, caller: Operator, body: WithReason | None = None) -> ScheduleView:
    """Begin no campaigns until it is resumed; those that run go on."""
    return await caller.clarion.schedules.pause(campaign_id, (body or WithReason()).reason)


@router.post("/{campaign_id}/resume")
async def resume(campaign_id: CampaignId, caller: Operator) -> ScheduleView:
    """Begin campaigns again; moments that have passed are not made up for."""
    return await caller.clarion.schedules.resume(campaign_id)


@router.post("/{campaign_id}/trigger")
async def trigger(campaign_id: CampaignId, caller: Operator) -> FiringView:
    """Begin a campaign now, by the same rules as at the schedule's own moments, and say what came of it."""
    return await caller.clarion.schedules.trigger(campaign_id)


@router.delete("/{campaign_id}", status_code=204)
async def remove(campaign_id: CampaignId, caller: Operator) -> None:
    """Begin no more campaigns. The template stays, and so do all campaigns."""
    await caller.clarion.schedules.remove(campaign_id)
