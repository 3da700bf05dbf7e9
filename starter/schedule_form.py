"""A schedule in the form that Temporal keeps it in."""

from __future__ import annotations

from datetime import timedelta

import temporalio.client as temporal
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from clarion.contracts import CampaignRef, Firing
from clarion.domain.schedule import Schedule
from workflows.scheduled import ScheduledCampaign
from workflows.showing import NAME, TENANT


def in_temporal(template: CampaignRef, name: str, schedule: Schedule, task_queue: str) -> temporal.Schedule:
    """Return what Temporal is to keep: when, and that every moment starts a `ScheduledCampaign` of the template."""
    # Temporal starts its workflow at every moment, and that one decides: so every moment has a line in the log.
    return temporal.Schedule(
        action=temporal.ScheduleActionStartWorkflow(
            ScheduledCampaign.run,
            Firing(template=template),
            id=temporal_id(template),
            task_queue=task_queue,
            static_summary=f"{name} · {schedule.cron} · {schedule.time_zone}",
            typed_search_attributes=attributes(template, name),
        ),
        spec=spec_of(schedule),
        policy=temporal.SchedulePolicy(
            overlap=temporal.ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=timedelta(seconds=schedule.catch_up)
        ),
    )


def spec_of(schedule: Schedule) -> temporal.ScheduleSpec:
    """Return when, as numbers: Temporal reads cron lines otherwise than cron."""
    calendar = schedule.calendar
    return temporal.ScheduleSpec(
        calendars=[
            temporal.ScheduleCalendarSpec(
                minute=_ranges(calendar.minutes),
                hour=_ranges(calendar.hours),
                day_of_month=_ranges(calendar.days),
                month=_ranges(calendar.months),
                day_of_week=_ranges(calendar.weekdays),
                comment=schedule.cron,
            )
        ],
        end_at=schedule.until,
        time_zone_name=schedule.time_zone,
    )


def _ranges(numbers: frozenset[int]) -> list[temporal.ScheduleRange]:
    first, last = min(numbers), max(numbers)
    if last - first + 1 == len(numbers):
        return [temporal.ScheduleRange(first, last)]
    return [temporal.ScheduleRange(number) for number in sorted(numbers)]


def attributes(template: CampaignRef, name: str) -> TypedSearchAttributes:
    """Search attributes of a schedule and of what it starts."""
    return TypedSearchAttributes([SearchAttributePair(TENANT, template.tenant), SearchAttributePair(NAME, name[:200])])


def temporal_id(template: CampaignRef) -> str:
    """The id of a template's schedule in Temporal."""
    return f"schedule/{template.tenant}/{template.campaign_id}"
