"""``clarion variants`` and ``clarion analytics``: which words do better, and how campaigns did over the last days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput, did_you_mean
from starter.cli.frame import CampaignId, Json, looking, out, print_json

if TYPE_CHECKING:
    from clarion.domain.campaign import Channel


CHANNELS = "sms, call or lead_analysis"


def variants(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Compare a campaign's variants, and say whether the difference is more than chance."""
    from starter.variants import variant_results

    with looking() as look:
        found = variant_results(look, campaign_id)
    if as_json:
        print_json(found)
        return
    from starter.terminal.analytics_tables import variants_view

    out().print(variants_view(found))


def analytics(
    days: Annotated[int, typer.Option(help="Today and the days before it.", min=1)] = 30,
    channel: Annotated[str | None, typer.Option(help=f"Only campaigns of this channel: {CHANNELS}.")] = None,
    account: Annotated[str | None, typer.Option(help="Only campaigns of this account.")] = None,
    time_zone: Annotated[str, typer.Option(help="Whose hours and days are meant, such as Europe/Berlin.")] = "UTC",
    as_json: Json = False,
) -> None:
    """Show how the campaigns of the last days did: by channel, hour, day, campaign, variant and text."""
    from starter.analytics import analytics as found_in
    from starter.analytics_views import MOST_DAYS, Asked

    if days > MOST_DAYS:
        raise BadInput(f"--days is {days}; give a whole number from 1 to {MOST_DAYS}")
    asked = Asked(days=days, channel=_channel(channel), account=account, time_zone=time_zone)
    with looking() as look:
        found = found_in(look, asked)
    if as_json:
        print_json(found)
        return
    from starter.terminal.analytics_tables import analytics_view

    out().print(analytics_view(found))


def _channel(name: str | None) -> Channel | None:
    from clarion.domain.campaign import Channel

    if name is None or name in set(Channel):
        return None if name is None else Channel(name)
    raise BadInput(f'--channel is "{name}"{did_you_mean(name, list(Channel))}; give {CHANNELS}')
