"""Routes that compare: the variants of a campaign, and the campaigns of a tenant over some days."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from clarion.domain.campaign import Channel
from starter.analytics import analytics
from starter.analytics_views import MOST_DAYS, Analytics, Asked
from starter.rest.bodies import CampaignId
from starter.rest.callers import Reader
from starter.slow import slowly
from starter.variants import VariantResults, variant_results

router = APIRouter(tags=["Comparing"])

Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="Today and the days before it.")]
AccountName = Annotated[
    str | None,
    Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="Only campaigns of this account."),
]
TimeZone = Annotated[
    str,
    Query(
        min_length=1,
        max_length=60,
        pattern=r"^[A-Za-z0-9+_/-]+$",
        description="Whose hours, weekdays and days are meant.",
        examples=["Europe/Berlin"],
    ),
]


@router.get("/campaigns/{campaign_id}/variants", summary="What came of a campaign's variants")
async def variants(campaign_id: CampaignId, caller: Reader) -> VariantResults:
    """Targets, successes, costs and answers of each variant, and whether the difference is more than chance."""
    return await slowly(variant_results, caller.clarion.looking, campaign_id)


@router.get("/analytics", summary="How the campaigns of the last days did")
async def of_all(
    caller: Reader,
    days: Days = 30,
    channel: Annotated[Channel | None, Query(description="Only campaigns of this channel.")] = None,
    account: AccountName = None,
    time_zone: TimeZone = "UTC",
) -> Analytics:
    """Successes and costs by channel, hour of the day, weekday, day, campaign, variant, and what was said.

    Totals, channels, hours, weekdays and days count attempts made in these days that have ended; campaigns, variants
    and texts count the targets of campaigns that were under way in these days.
    """
    asked = Asked(days=days, channel=channel, account=account, time_zone=time_zone)
    return await slowly(analytics, caller.clarion.looking, asked)
