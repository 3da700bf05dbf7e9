"""What worked, over all campaigns of a tenant: by hour and weekday, by text and variant, by channel and campaign."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput, ClarionError
from starter.analytics import analytics
from starter.analytics_views import Asked, AttemptSums
from starter.dashboard.rendering import page, percent
from starter.dashboard.snapshots import snapshots_of
from starter.dashboard.visitors import Reader

router = APIRouter(prefix="/analytics")

SPANS = (1, 7, 30, 90, 365)
"""Days that can be chosen."""
SHOWN = 50
"""Campaigns, variants and texts in a list."""


@router.get("")
async def worked(
    request: Request,
    visitor: Reader,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    channel: Annotated[str, Query(max_length=20)] = "",
    account: Annotated[str, Query(max_length=64)] = "",
    zone: Annotated[str, Query(max_length=64)] = "UTC",
) -> Response:
    """Show what worked in the last days."""
    accounts = visitor.clarion.settings.accounts
    wanted = Channel(channel) if channel in set(Channel) else None
    asked = Asked(days=days, channel=wanted, account=account if account in accounts else None, time_zone=zone)
    error, found = None, None
    try:
        if "\0" in zone:
            raise BadInput("a time zone cannot hold the character NUL; choose one from the list")
        found = await snapshots_of(request).analytics.get(
            (visitor.tenant, asked), lambda: analytics(visitor.clarion.looking, asked)
        )
    except ClarionError as problem:
        error = str(problem)
    return page(
        request,
        "analytics.html",
        error=error,
        asked=asked,
        found=found,
        hours=_titles(found.hours, [f"{line.hour}:00" for line in found.hours]) if found else [],
        weekdays=_titles(found.weekdays, [line.weekday for line in found.weekdays]) if found else [],
        spans=SPANS,
        shown=SHOWN,
        channels=list(Channel),
        accounts=sorted(accounts),
        zones=sorted(available_timezones()),
    )


def _titles(lines: tuple[AttemptSums, ...], names: list[str]) -> list[str]:
    return [
        f"{name}: {percent(line.success_rate)} of {line.succeeded + line.failed:,}"
        for name, line in zip(names, lines, strict=True)
    ]
