"""How a campaign came out, on one screen: its books, what its leads came to, and who was not reached."""

from __future__ import annotations

import time

from rich.console import Console

from clarion.domain.campaign import Channel
from starter.looking import Looking
from starter.looking_leads import lead_sums
from starter.terminal.lead_views import sums_view
from starter.terminal.panels import Sight, campaign_panel
from starter.terminal.tables import error_table


def print_summary(looking: Looking, campaign_id: str, console: Console) -> None:
    """Show how a campaign came out. Raises NotFound."""
    progress = looking.progress(campaign_id)
    console.print(campaign_panel(Sight(progress, (), time.time()), width=console.width))
    print_results(looking, campaign_id, console)
    console.print(f"\n[dim]row by row:[/] clarion report {campaign_id} --out report.xlsx  [dim]or .csv, .json[/]")


def print_results(looking: Looking, campaign_id: str, console: Console) -> None:
    """Show what leads were found to be, then what failed or was left out, and why. Raises NotFound."""
    campaign = looking.find(campaign_id)
    if campaign.spec.channel is Channel.LEAD_ANALYSIS:
        console.print()
        console.print(sums_view(lead_sums(looking, campaign)))
    if groups := looking.errors(campaign_id):
        console.print()
        console.print(error_table(groups))
