"""Changing a campaign, whatever its status: all of a draft, name and limits of one that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clarion.contracts import Pacing
from clarion.domain.campaign import MOST_MONEY, CampaignStatus
from clarion.domain.errors import BadInput, Conflict
from clarion.domain.fields import Amount, Count, Rate, Word
from clarion.domain.problems import sentences
from clarion.store.campaigns import Campaign
from starter.drafts import Drafts


class RunningLimits(BaseModel):
    """Limits that can change while a campaign runs; what is left out, or null, stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    concurrency: Annotated[
        Annotated[Count, Field(ge=1, le=500, strict=True)] | None,
        Field(description="a whole number from 1 to 50, or to 500 where leads are assessed"),
    ] = None
    per_second: Rate = None
    per_minute: Rate = None
    per_hour: Rate = None

    @property
    def given(self) -> dict[str, object]:
        """What is to change."""
        return self.model_dump(exclude_none=True)


class RunningChange(BaseModel):
    """What can change about a campaign that is no draft any more."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[
        Annotated[Word, Field(max_length=200)] | None, Field(description="a name of 1 to 200 characters")
    ] = None
    limits: RunningLimits = RunningLimits()
    budget: Annotated[
        Annotated[Amount, Field(gt=0, le=MOST_MONEY)] | None, Field(description="an amount greater than 0")
    ] = None


async def change(drafts: Drafts, campaign_id: str, changes: Mapping[str, object]) -> Campaign:
    """Change a campaign by a JSON Merge Patch. Raises BadInput, NotFound, Conflict for what is fixed, Unreachable."""
    campaign = await drafts.campaigns.find(campaign_id)
    if campaign.status is CampaignStatus.DRAFT:
        return await drafts.update(campaign_id, changes)
    if fixed := sorted(changes.keys() - RunningChange.model_fields.keys()):
        message = (
            f'campaign "{campaign_id}" is {campaign.status}, and {", ".join(fixed)} cannot change any more; only name, '
            "limits and budget can; clone it to make another one"
        )
        raise Conflict(message)
    try:
        wanted = RunningChange.model_validate(changes)
    except ValidationError as error:
        raise BadInput(sentences(error, RunningChange)) from None
    pacing = Pacing.model_validate(wanted.limits.given | {"budget": wanted.budget})
    if pacing != Pacing():
        await drafts.campaigns.set_limits(campaign_id, pacing)
    if wanted.name is not None:
        await asyncio.to_thread(drafts.store.campaigns.rename, campaign.ref.key, wanted.name, time.time())
    return await drafts.campaigns.find(campaign_id)
