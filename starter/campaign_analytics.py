"""What one campaign came to, and how that is spread over time and over the hours of the day. Blocking.

Times are epoch seconds, durations are in seconds, and money is in the account's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import BadInput
from clarion.domain.window import TARGET, require_zone
from clarion.store.campaigns import Campaign
from clarion.store.timeline import QuarterHour
from starter.looking import CallSummaryLine, Looking, View
from starter.looking_leads import LeadSums, lead_sums
from starter.progress import Progress

INTERVALS = (60, 300, 900, 3_600, 21_600, 86_400)
"""Seconds that contacts are added up over when nobody says how many."""
USUAL_POINTS = 300
MOST_POINTS = 5_000
LEAST_INTERVAL, LONGEST_INTERVAL = 5, 86_400
"""Seconds; contacts are counted over 5 of them."""


class Stats(View):
    """What a campaign has come to."""

    campaign_id: str
    channel: Channel
    status: CampaignStatus
    books: Books
    outcomes: dict[str, int]
    """Targets by outcome."""
    success_rate: float | None
    """succeeded / (succeeded + failed), 0 to 1; null before the first result."""
    attempts: int
    average_attempts: float | None
    """For each target that anything was tried with."""
    spent: float
    budget: float | None
    cost_per_success: float | None
    started_at: float | None
    finished_at: float | None
    duration: float | None
    """From the start to the end, or to now."""
    calls: CallSummaryLine | None
    """Of a campaign of calls."""
    leads: LeadSums | None
    """Of an analysis of leads."""


class Point(View):
    """Contacts made in one interval."""

    at: float
    """When it begins."""
    contacted: int


class Hour(View):
    """What came of the attempts that began in one hour of the day."""

    hour: int
    """0 to 23, by the clock of the time zone."""
    attempts: int
    outcomes: dict[str, int]


class CampaignAnalytics(View):
    """How a campaign went over time, and over the hours of the day."""

    campaign_id: str
    channel: Channel
    interval: int
    """Seconds of each point."""
    points: tuple[Point, ...]
    """In order, without those in which nobody was contacted."""
    time_zone: str
    """Of targets whose rows name none."""
    hours: tuple[Hour, ...]
    """Hours in which an attempt began that has ended since, by the clock of each target."""
    attempts: int
    average_attempts: float | None
    """For each target that anything was tried with."""
    spent: float
    cost_per_success: float | None


def stats(looking: Looking, campaign_id: str) -> Stats:
    """Sum up a campaign; takes time on a large one. Raises NotFound."""
    campaign = looking.find(campaign_id)
    key, channel = campaign.ref.key, campaign.spec.channel
    progress = looking.progress(campaign_id)
    tried = looking.store.timeline.tries(key)
    end = progress.finished_at or looking.clock()
    return Stats(
        campaign_id=campaign_id,
        channel=channel,
        status=progress.status,
        books=progress.books,
        outcomes=progress.outcomes,
        success_rate=progress.success_rate,
        attempts=tried.attempts,
        average_attempts=_each(tried.attempts, tried.targets),
        spent=progress.spent,
        budget=progress.budget,
        cost_per_success=_cost_per_success(progress),
        started_at=progress.started_at,
        finished_at=progress.finished_at,
        duration=None if progress.started_at is None else max(0.0, end - progress.started_at),
        calls=looking.call_summary(campaign_id) if channel is Channel.CALL else None,
        leads=lead_sums(looking, campaign) if channel is Channel.LEAD_ANALYSIS else None,
    )


def campaign_analytics(
    looking: Looking, campaign_id: str, *, interval: int | None = None, time_zone: str | None = None
) -> CampaignAnalytics:
    """Tell how a campaign went over time; takes time on a large one.

    ``interval`` is in seconds. ``time_zone`` is that of targets whose rows name none; without it, that of the
    campaign's window, or UTC. Raises NotFound, and BadInput for a zone that is none or an interval that is too short.
    """
    campaign = looking.find(campaign_id)
    zone = _zone_of(campaign, time_zone)
    seconds, points = _points(looking, campaign.ref.key, interval)
    own_zones = campaign.spec.audience.time_zone is not None
    quarters = looking.store.timeline.quarters(campaign.ref.key, own_zones=own_zones)
    tried = looking.store.timeline.tries(campaign.ref.key)
    progress = looking.progress(campaign_id)
    return CampaignAnalytics(
        campaign_id=campaign_id,
        channel=campaign.spec.channel,
        interval=seconds,
        points=points,
        time_zone=zone,
        hours=_hours(quarters, zone),
        attempts=tried.attempts,
        average_attempts=_each(tried.attempts, tried.targets),
        spent=progress.spent,
        cost_per_success=_cost_per_success(progress),
    )


def _zone_of(campaign: Campaign, asked: str | None) -> str:
    if asked is not None:
        return require_zone(asked)
    window = campaign.spec.window
    return window.time_zone if window is not None and window.time_zone != TARGET else "UTC"


def _points(looking: Looking, key: int, asked: int | None) -> tuple[int, tuple[Point, ...]]:
    span = looking.store.timeline.span(key)
    if span is None:
        return asked or INTERVALS[0], ()
    lasted = span.end - span.begin
    usual = next((seconds for seconds in INTERVALS if lasted <= seconds * USUAL_POINTS), INTERVALS[-1])
    interval = asked or usual
    if lasted > interval * MOST_POINTS:
        least = -(-lasted // MOST_POINTS)
        raise BadInput(f"interval {interval} would make more than {MOST_POINTS:,} points; give {least} or more seconds")
    ticks = looking.store.timeline.contacted(key, interval)
    return interval, tuple(Point(at=tick.at, contacted=tick.contacted) for tick in ticks)


def _hours(quarters: Sequence[QuarterHour], zone: str) -> tuple[Hour, ...]:
    found: dict[int, Counter[str]] = {}
    for quarter in quarters:
        hour = _hour(quarter.at, quarter.time_zone or zone)
        found.setdefault(hour, Counter())[quarter.outcome] += quarter.count
    return tuple(
        Hour(hour=hour, attempts=outcomes.total(), outcomes=dict(outcomes.most_common()))
        for hour, outcomes in sorted(found.items())
    )


def _hour(at: int, zone: str) -> int:
    return datetime.fromtimestamp(at, UTC).astimezone(_zone(zone)).hour


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _each(amount: float, of: int) -> float | None:
    return round(amount / of, 3) if of else None


def _cost_per_success(progress: Progress) -> float | None:
    succeeded = progress.books.succeeded
    return round(progress.spent / succeeded, 6) if succeeded else None
