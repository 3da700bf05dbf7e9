"""Templates in the browser: which there are, keeping a campaign as one, and campaigns made of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Operator, Reader

router = APIRouter()

PATH = "/templates"


@router.get(PATH)
async def templates(request: Request, visitor: Reader) -> Response:
    """List templates."""
    return page(request, "templates.html", templates=await visitor.clarion.templates.list())


@router.post("/campaigns/{campaign_id}/template")
async def save(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Keep a copy of a campaign, its words and its contacts, as a template."""
    request.state.back = f"/campaigns/{campaign_id}"
    made = await visitor.clarion.templates.save_campaign(campaign_id)
    return go(PATH, f"{campaign_id} is kept as template {made.template_id}")


@router.post("/templates/{campaign_id}/start")
async def start(
    request: Request, visitor: Operator, campaign_id: CampaignId, draft: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Make a campaign like the template with its contacts: started at once, or as a draft."""
    request.state.back = PATH
    made = await visitor.clarion.templates.start(campaign_id, draft=bool(draft))
    said = "a draft like the template; nobody is contacted before you start it" if draft else "started"
    return go(f"/campaigns/{made.ref.campaign_id}", said)


@router.post("/templates/{campaign_id}/remove")
async def remove(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Remove a template; campaigns made of it stay."""
    request.state.back = PATH
    await visitor.clarion.templates.remove(campaign_id)
    return go(PATH, f"template {campaign_id} was removed")
