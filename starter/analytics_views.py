"""What is told about the campaigns of a tenant over some days.

Times are epoch seconds, shares are 0 to 1, and money is in the accounts' currency; sums over accounts with different
currencies mean nothing, so ask for one account then.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.campaign import CampaignStatus, Channel
from starter.looking import View
from starter.variants import VariantLine

MOST_DAYS = 366


class Asked(BaseModel):
    """What is wanted."""

    model_config = ConfigDict(frozen=True)

    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30
    """Today and the days before it."""
    channel: Channel | None = None
    account: str | None = None
    time_zone: str = "UTC"
    """Whose hours, days and weekdays are meant."""


class Sums(View):
    """What some attempts, or some targets, came to."""

    succeeded: int
    failed: int
    success_rate: float | None
    """succeeded / (succeeded + failed); null where there is neither."""
    low: float | None
    """The success rate lies between this and the next, with a confidence of 95 % (Wilson's score interval)."""
    high: float | None
    cost: float
    cost_per_success: float | None


class AttemptSums(Sums):
    """What attempts came to that were made in some time and have ended; a target may have had several."""

    attempts: int


class ChannelLine(AttemptSums):
    """One channel."""

    channel: Channel
    campaigns: int


class HourLine(AttemptSums):
    """One hour of the day, over all days."""

    hour: int


class WeekdayLine(AttemptSums):
    """One day of the week, over all weeks."""

    weekday: str


class DayLine(AttemptSums):
    """One day."""

    day: date


class CampaignResult(Sums):
    """What a campaign's targets came to as a whole, also before these days."""

    campaign_id: str
    name: str
    channel: Channel
    account: str
    status: CampaignStatus
    started_at: float
    targets: int
    text: str | None
    """Names what it says, as in `texts`; null where it has variants."""


class VariantResult(VariantLine):
    """What came of one variant of a campaign."""

    campaign_id: str
    campaign: str
    """The campaign's name."""
    channel: Channel
    text: str
    """Names what it says, as in `texts`."""


class TextResult(Sums):
    """What came of one text, prompt or question, in all campaigns and variants that said it."""

    text: str
    """Twelve hexadecimal digits that depend on nothing but what is said."""
    channel: Channel
    sample: str
    """Its beginning, as it stands in the campaign's file."""
    campaigns: tuple[str, ...]
    """Ids, the newest first."""


class Analytics(View):
    """How campaigns did. Hours, days and totals count attempts; campaigns, variants and texts count targets."""

    since: float
    until: float
    time_zone: str
    channel: Channel | None
    account: str | None
    total: AttemptSums
    channels: tuple[ChannelLine, ...]
    hours: tuple[HourLine, ...]
    """All 24."""
    weekdays: tuple[WeekdayLine, ...]
    """All seven, from Monday on."""
    days: tuple[DayLine, ...]
    """Every day, in order, also those on which nobody was contacted."""
    campaigns: tuple[CampaignResult, ...]
    """The newest first."""
    more_campaigns: int
    """Older ones that are in the sums above, and not in the lists below them."""
    variants: tuple[VariantResult, ...]
    texts: tuple[TextResult, ...]
    """The best success rate first, as far as it is certain: by the lower end of its interval."""
