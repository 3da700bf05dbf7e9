"""What can be done with a campaign: start, pause, resume, cancel, retry, limits, more contacts, delete."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from clarion.contracts import Pacing
from clarion.domain.campaign import MOST_LANES, CampaignStatus
from clarion.domain.errors import BadInput, Conflict
from clarion.domain.target import Outcome
from starter.cloning import clone as cloned
from starter.dashboard.checks import checks_of
from starter.dashboard.creating import kept_upload
from starter.dashboard.naming import CampaignId
from starter.dashboard.rendering import go
from starter.dashboard.visitors import Operator

router = APIRouter(prefix="/campaigns/{campaign_id}")

Reason = Annotated[str, Form(max_length=500)]
Typed = Annotated[str, Form(max_length=40)]


class Changes(BaseModel):
    """Limits as somebody has typed them; empty leaves one as it is."""

    model_config = ConfigDict(frozen=True, str_max_length=20)

    concurrency: str = ""
    per_second: str = ""
    per_minute: str = ""
    per_hour: str = ""
    budget: str = ""


def _back(request: Request, campaign_id: str) -> str:
    """Have errors told on the page of the campaign."""
    path = f"/campaigns/{campaign_id}"
    request.state.back = path
    return path


@router.post("/start")
async def start(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Start a draft."""
    back = _back(request, campaign_id)
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    if campaign.status is CampaignStatus.DRAFT:
        check = await checks_of(request).finished(visitor.clarion, campaign)
        if check is None or not check.passed:
            raise Conflict("this draft has not passed its check; what is in the way stands below")
    await visitor.clarion.campaigns.launch(campaign_id)
    checks_of(request).forget(campaign.ref.key)
    return go(back, "started")


@router.post("/pause")
async def pause(request: Request, visitor: Operator, campaign_id: CampaignId, reason: Reason = "") -> Response:
    """Start nothing new."""
    back = _back(request, campaign_id)
    reply = await visitor.clarion.campaigns.pause(campaign_id, reason.strip())
    return go(back, f"{reply.status}: {reply.message}" if reply.message else str(reply.status))


@router.post("/resume")
async def resume(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Go on."""
    back = _back(request, campaign_id)
    reply = await visitor.clarion.campaigns.resume(campaign_id)
    return go(back, reply.message)


@router.post("/cancel")
async def cancel(
    request: Request,
    visitor: Operator,
    campaign_id: CampaignId,
    reason: Reason = "",
    hang_up: Typed = "",
) -> Response:
    """Cancel everybody who is not under way."""
    back = _back(request, campaign_id)
    await visitor.clarion.campaigns.cancel(campaign_id, reason.strip(), hang_up=bool(hang_up))
    return go(back, "is being cancelled; what is under way ends by itself" if not hang_up else "is being cancelled")


@router.post("/retry")
async def retry(request: Request, visitor: Operator, campaign_id: CampaignId, outcome: Typed = "") -> Response:
    """Try failed targets again."""
    back = _back(request, campaign_id)
    if outcome and outcome not in set(Outcome):
        raise BadInput(f'"{outcome}" is no outcome; choose one from the list')
    reply = await visitor.clarion.campaigns.retry(campaign_id, (outcome,) if outcome else ())
    return go(back, reply.message or "the failed targets are tried again")


@router.post("/limits")
async def limits(
    request: Request,
    visitor: Operator,
    campaign_id: CampaignId,
    given: Annotated[Changes, Form()],
) -> Response:
    """Change limits; what is left empty stays as it is."""
    back = _back(request, campaign_id)
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    rates = {name: positive(name, getattr(given, name)) for name in ("per_second", "per_minute", "per_hour", "budget")}
    most = MOST_LANES[campaign.spec.channel]
    lanes = given.concurrency.strip()
    if lanes and not (lanes.isascii() and lanes.isdigit() and 1 <= int(lanes) <= most):
        raise BadInput(f'concurrency "{lanes}" is not possible; give a whole number from 1 to {most}')
    if not lanes and not any(rates.values()):
        raise BadInput("say which limit to change; what is left empty stays as it is")
    reply = await visitor.clarion.campaigns.set_limits(
        campaign_id, Pacing(concurrency=int(lanes) if lanes else None, **rates)
    )
    return go(back, reply.message or "the limits are changed")


@router.post("/audience")
async def audience(request: Request, visitor: Operator, campaign_id: CampaignId, file: UploadFile) -> Response:
    """Add one more file of contacts."""
    back = _back(request, campaign_id)
    async with kept_upload(file) as path:
        await visitor.clarion.drafts.upload(campaign_id, path, path.name)
    return go(back, f"{path.name} was added")


@router.post("/clone")
async def clone(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Make a draft with the same words and the same contacts."""
    _back(request, campaign_id)
    made = await cloned(visitor.clarion.drafts, campaign_id)
    return go(f"/campaigns/{made.ref.campaign_id}", f"a copy of {campaign_id}; nobody is contacted before you start it")


@router.post("/delete")
async def delete(request: Request, visitor: Operator, campaign_id: CampaignId) -> Response:
    """Take away a draft, or a campaign that has ended, with everything kept of it."""
    _back(request, campaign_id)
    campaign = await visitor.clarion.campaigns.find(campaign_id)
    await visitor.clarion.drafts.delete(campaign_id)
    checks_of(request).forget(campaign.ref.key)
    return go("/", f"{campaign_id} was deleted")


def positive(name: str, text: str) -> float | None:
    """Read an amount that somebody typed; empty is None. Raises BadInput."""
    if not text.strip():
        return None
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f'{name.replace("_", " ")} "{text.strip()}" is not possible; give a number greater than 0')
    return value
