"""Templates: campaigns that are only there to be started again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StrictBool

from starter.rest.bodies import CampaignId
from starter.rest.callers import Operator, Reader
from starter.rest.campaign_views import MOST_CONTACTS, CampaignView, Value
from starter.rest.campaigns import MADE, base_of, shown
from starter.rest.cursors import whole
from starter.rest.idempotency import Answer, Once
from starter.rest.paging import Page
from starter.rest.steering import Body
from starter.templates import TemplateView

router = APIRouter(prefix="/templates", tags=["templates"])

NewId = Annotated[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None,
    Field(description="What it is to be called; else made from its name."),
]


class TemplateWish(Body):
    """A template to make."""

    campaign_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            description="The campaign to keep a copy of; a draft will do.",
            examples=["spring-2026"],
        ),
    ]
    id: NewId = None


class CampaignWish(Body):
    """A campaign to make of a template."""

    id: NewId = None
    start: Annotated[StrictBool, Field(description="Whether it starts at once; else it is a draft.")] = True
    contacts: Annotated[
        list[dict[str, Value]] | None,
        Field(max_length=MOST_CONTACTS, description="Whom to contact, instead of the template's contacts."),
    ] = None


@router.get("")
async def listed(caller: Reader) -> Page[TemplateView]:
    """List templates, in the order of their ids."""
    return whole(await caller.clarion.templates.list())


@router.post("", status_code=201, response_model=TemplateView)
async def save(wish: TemplateWish, caller: Operator, once: Once) -> Response:
    """Keep a copy of a campaign, its words and its contacts, as a template. PATCH /campaigns/{id} changes it later."""

    async def work(_: bool) -> Answer:
        name = wish.id or once.id_for(wish.campaign_id)
        return Answer(201, await caller.clarion.templates.save_campaign(wish.campaign_id, name))

    return await once(work)


@router.get("/{campaign_id}")
async def show(campaign_id: CampaignId, caller: Reader) -> TemplateView:
    """Look at a template."""
    return await caller.clarion.templates.show(campaign_id)


@router.post("/{campaign_id}/start", status_code=201, response_model=CampaignView, responses=MADE)
async def start(
    campaign_id: CampaignId, caller: Operator, once: Once, request: Request, wish: CampaignWish | None = None
) -> Response:
    """Start a campaign like the template, with its contacts or with others."""
    given, base = wish or CampaignWish(), base_of(request)

    async def work(_: bool) -> Answer:
        name = given.id or once.id_for(campaign_id)
        templates = caller.clarion.templates
        if given.contacts is None:
            made = await templates.start(campaign_id, campaign_id=name, draft=not given.start)
        else:
            made = await templates.start_with(campaign_id, given.contacts, campaign_id=name, draft=not given.start)
        return Answer(201, await shown(caller, made, base), f"{base}/{made.ref.campaign_id}")

    return await once(work)


@router.delete("/{campaign_id}", status_code=204)
async def remove(campaign_id: CampaignId, caller: Operator) -> None:
    """Remove a template; the campaigns made of it stay. One with a schedule is refused: end that first."""
    await caller.clarion.templates.remove(campaign_id)
