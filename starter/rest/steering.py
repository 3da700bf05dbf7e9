"""Steering campaigns: check, start, pause, resume, cancel, retry, limits, clone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from clarion.contracts import Pacing, Reply
from clarion.domain.campaign import MOST_MONEY, CampaignStatus
from clarion.domain.errors import Conflict
from clarion.domain.target import Outcome
from starter.changing import RunningLimits
from starter.cloning import clone
from starter.drafts import NAMED, Checked
from starter.looking import View
from starter.rest.bodies import CampaignId
from starter.rest.callers import Operator
from starter.rest.campaign_views import CampaignView
from starter.rest.campaigns import MADE, base_of, shown
from starter.rest.idempotency import Answer, Once
from starter.rest.paging import MOST

router = APIRouter(prefix="/campaigns/{campaign_id}", tags=["steering"])


class Body(BaseModel):
    """Base of what is sent along."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Why = Annotated[str, Field(max_length=500, description="For everybody who looks at the campaign.")]


class WithReason(Body):
    """Why it is done."""

    reason: Why = ""


class Cancellation(WithReason):
    """How a campaign is cancelled."""

    hang_up: Annotated[
        StrictBool, Field(description="Whether calls under way are ended; else they end by themselves.")
    ] = False


class Again(Body):
    """Which targets are tried again."""

    outcomes: Annotated[
        list[Outcome],
        Field(max_length=len(Outcome), description="Only targets that ended so; empty: all that another try can help."),
    ] = []


class NewLimits(RunningLimits):
    """Limits to change; what is left out, or null, stays as it is."""

    budget: Annotated[float | None, Field(gt=0, le=MOST_MONEY, description="What the campaign may cost in all.")] = None


class CloneOf(Body):
    """What a clone is called."""

    id: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None,
        Field(description="The clone's id; else made from its name."),
    ] = None


class Steered(View):
    """What a campaign was told, and where it stands."""

    campaign_id: str
    status: CampaignStatus
    message: str
    """What happens now, where that needs saying."""
    changed: int
    """Targets that are different now."""
    under_way: int
    """Contacts that still are."""


@router.post("/check")
async def check(
    campaign_id: CampaignId,
    caller: Operator,
    rows: Annotated[int, Query(ge=0, le=MOST, description="How many rejected rows to name.")] = NAMED,
) -> Checked:
    """Say what would happen if a draft were started now: rows, texts, expected time and cost. Contacts nobody."""
    return await caller.clarion.drafts.check(campaign_id, rows=rows)


@router.post("/start", response_model=CampaignView)
async def start(campaign_id: CampaignId, caller: Operator, once: Once, request: Request) -> Response:
    """Start a draft: now, or at its `start_at`."""

    async def work(again: bool) -> Answer:
        campaign = await caller.clarion.campaigns.launch(campaign_id, again=again)
        return Answer(200, await shown(caller, campaign, base_of(request)))

    return await once(work)


@router.post("/pause")
async def pause(campaign_id: CampaignId, caller: Operator, body: WithReason | None = None) -> Steered:
    """Start nothing new; what is under way ends by itself. Answers when nothing new can start."""
    given = body or WithReason()
    return _steered(campaign_id, await caller.clarion.campaigns.pause(campaign_id, given.reason))


@router.post("/resume")
async def resume(campaign_id: CampaignId, caller: Operator) -> Steered:
    """Go on exactly where the campaign stopped."""
    return _steered(campaign_id, await caller.clarion.campaigns.resume(campaign_id))


@router.post("/cancel")
async def cancel(campaign_id: CampaignId, caller: Operator, body: Cancellation | None = None) -> Steered:
    """Cancel everybody who is not under way. Cancelling takes a moment: progress tells when it is done."""
    given = body or Cancellation()
    await caller.clarion.campaigns.cancel(campaign_id, given.reason, hang_up=given.hang_up)
    progress = await caller.clarion.campaigns.progress(campaign_id)
    way = "calls under way are hung up" if given.hang_up else "what is under way ends by itself"
    return _steered(campaign_id, Reply(status=progress.status, message=way, under_way=progress.under_way))


@router.post("/retry", response_model=Steered)
async def retry(campaign_id: CampaignId, caller: Operator, once: Once, body: Again | None = None) -> Response:
    """Try failed targets again; a campaign that has ended is opened again for it."""

    async def work(_: bool) -> Answer:
        outcomes = tuple(outcome.value for outcome in (body or Again()).outcomes)
        return Answer(200, _steered(campaign_id, await caller.clarion.campaigns.retry(campaign_id, outcomes)))

    return await once(work)


@router.post("/limits")
async def limits(campaign_id: CampaignId, caller: Operator, body: NewLimits) -> Steered:
    """Change limits, also while the campaign runs; what is not named stays as it is."""
    campaign = await caller.clarion.campaigns.find(campaign_id)
    if campaign.status is not CampaignStatus.DRAFT:
        pacing = Pacing.model_validate(body.given)
        return _steered(campaign_id, await caller.clarion.campaigns.set_limits(campaign_id, pacing))
    changes: dict[str, Any] = {"limits": {key: value for key, value in body.given.items() if key != "budget"}}
    if body.budget is not None:
        changes["budget"] = body.budget
    await caller.clarion.drafts.update(campaign_id, changes)
    return _steered(campaign_id, Reply(status=CampaignStatus.DRAFT, message="the draft was changed"))


@router.post("/clone", status_code=201, response_model=CampaignView, responses=MADE)
async def clone_campaign(
    campaign_id: CampaignId, caller: Operator, once: Once, request: Request, body: CloneOf | None = None
) -> Response:
    """Make a draft with the same words and the same contacts, whatever became of the campaign."""
    base = base_of(request)

    async def work(again: bool) -> Answer:
        clarion = caller.clarion
        source = await clarion.campaigns.find(campaign_id)
        name = (body or CloneOf()).id or once.id_for(source.name)
        try:
            campaign = await clone(clarion.drafts, campaign_id, name)
        except Conflict:
            if not again or name is None:
                raise
            campaign = await clarion.campaigns.find(name)
            if campaign.origin_key != source.ref.key:
                raise
        return Answer(201, await shown(caller, campaign, base), f"{base}/{campaign.ref.campaign_id}")

    return await once(work)


def _steered(campaign_id: str, reply: Reply) -> Steered:
    return Steered(
        campaign_id=campaign_id,
        status=reply.status,
        message=reply.message,
        changed=reply.changed,
        under_way=reply.under_way,
    )
