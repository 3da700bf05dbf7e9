"""A draft, or a template, changed in the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from clarion.domain.errors import ClarionError
from clarion.store.campaigns import Campaign
from starter.dashboard.amending import changes_of_form, typed_of_spec
from starter.dashboard.answers import Row, rows_of, rows_typed
from starter.dashboard.creating import FIELDS, PIECE, choices_of
from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Operator, Visitor
from starter.drafts import require_draft

router = APIRouter(prefix="/campaigns/{campaign_id}/edit")


@router.get("")
async def form(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Show a draft as a form."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    require_draft(campaign, "changed as a whole")
    typed = await asyncio.to_thread(typed_of_spec, campaign.spec)
    return _form(request, visitor, campaign, typed)


@router.post("")
async def change(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Change what somebody has changed in the form, and show what the check says now."""
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    require_draft(campaign, "changed as a whole")
    async with request.form(max_files=0, max_fields=FIELDS, max_part_size=PIECE) as given:
        typed = {name: value for name, value in given.items() if isinstance(value, str)}
    try:
        changes = changes_of_form(campaign.spec, typed)
        if changes:
            await visitor.clarion.drafts.update(campaign_id, changes)
    except ClarionError as error:
        return _form(request, visitor, campaign, typed, str(error))
    return go(f"/campaigns/{campaign_id}", "changed" if changes else "nothing was changed")


def _form(
    request: Request, visitor: Visitor, campaign: Campaign, typed: Mapping[str, str], error: str | None = None
) -> Response:
    return page(
        request,
        "edit.html",
        422 if error else 200,
        error=error,
        campaign=campaign,
        campaign_id=campaign.ref.campaign_id,
        typed=typed,
        only=campaign.spec.channel.value,
        answers=_answers(campaign, typed),
        **choices_of(visitor.clarion.settings.accounts),
    )


def _answers(campaign: Campaign, typed: Mapping[str, str]) -> list[Row]:
    if "answer_name_0" in typed:
        return rows_typed(typed)
    return rows_of(campaign.spec.assess.fields) if campaign.spec.assess is not None else []
