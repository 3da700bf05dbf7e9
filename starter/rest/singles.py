"""Single calls and texts: one person, by the same path as a campaign."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.call import MachineRule
from clarion.domain.campaign import CampaignStatus
from clarion.store.campaigns import Campaign
from starter.looking import SingleCall, View
from starter.rest.bodies import CampaignId
from starter.rest.callers import Operator, Reader
from starter.rest.campaign_views import Value
from starter.rest.idempotency import Answer, Once
from starter.singles import CALL, TEXT, Person, Single, SingleText, call_one, came_of_call, came_of_text, text_one

router = APIRouter(tags=["single contacts"])

Words = Annotated[str, Field(min_length=1, max_length=20_000)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class NewContact(BaseModel):
    """Who is contacted, and through which account."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    number: Annotated[str, Field(min_length=1, max_length=40, examples=["+14155550123"])]
    """The phone number, with country code or a `region`."""
    region: Annotated[str | None, Field(pattern="^[A-Za-z]{2}$", examples=["US"])] = None
    """The country of a number without a code."""
    variables: Annotated[dict[Word, Value], Field(max_length=100)] = {}
    """What the texts mention."""
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = "main"
    id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    """Of the campaign that it becomes; else one is made up."""

    @property
    def person(self) -> Person:
        """Who it is."""
        return Person(self.number, self.region, self.variables)


class NewCall(NewContact):
    """A call, in the words of a campaign's group `call`."""

    prompt: Words | None = None
    """What the agent is told to do."""
    first_message: Words | None = None
    """What the agent says first."""
    context: Words | None = None
    """What the agent should know about the person."""
    agent: Word | None = None
    """The agent at the provider; else the account's."""
    language: Word | None = None
    max_minutes: Annotated[float, Field(gt=0, le=60)] = 10.0
    machine: MachineRule = MachineRule.HANG_UP
    """What happens when a machine answers."""
    voicemail_message: Words | None = None
    """What a machine is left, with `leave_message`."""


class NewText(NewContact):
    """A text."""

    message: Words


class Begun(View):
    """A single contact that has been started."""

    campaign_id: str
    status: CampaignStatus
    links: dict[str, str]


BEGUN: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Started",
        "headers": {"Location": {"description": "Tells what comes of it.", "schema": {"type": "string"}}},
    }
}


@router.post("/calls", status_code=202, response_model=Begun, responses=BEGUN)
async def call(body: NewCall, caller: Operator, once: Once, request: Request) -> Response:
    """Call one person."""

    async def work(_: bool) -> Answer:
        script = body.model_dump(exclude=set(NewContact.model_fields), mode="json")
        campaign = await call_one(caller.clarion.drafts, body.person, script, _how(body, once.id_for(CALL)))
        return _begun(request, "calls", campaign)

    return await once(work)


@router.get("/calls/{campaign_id}")
async def call_result(campaign_id: CampaignId, caller: Reader) -> SingleCall:
    """Tell what came of a single call: how it ended, and what was said."""
    return await asyncio.to_thread(came_of_call, caller.clarion.looking, campaign_id)


@router.post("/messages", status_code=202, response_model=Begun, responses=BEGUN)
async def text(body: NewText, caller: Operator, once: Once, request: Request) -> Response:
    """Send one person a text."""

    async def work(_: bool) -> Answer:
        how = _how(body, once.id_for(TEXT))
        return _begun(request, "messages", await text_one(caller.clarion.drafts, body.person, body.message, how))

    return await once(work)


@router.get("/messages/{campaign_id}")
async def text_result(campaign_id: CampaignId, caller: Reader) -> SingleText:
    """Tell what came of a single text."""
    return await asyncio.to_thread(came_of_text, caller.clarion.looking, campaign_id)


def _how(body: NewContact, campaign_id: str | None) -> Single:
    return Single(body.account, body.id or campaign_id, again=campaign_id is not None)


def _begun(request: Request, kind: str, campaign: Campaign) -> Answer:
    root, name = request.scope.get("root_path", ""), campaign.ref.campaign_id
    own = f"{root}/{kind}/{name}"
    links = {"self": own, "campaign": f"{root}/campaigns/{name}"}
    return Answer(202, Begun(campaign_id=name, status=campaign.status, links=links), own)
