"""An account's lanes for a terminal: its limits, who holds how many, who waits and why."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from clarion.account_contracts import AccountState
from starter.terminal.tables import new_table


def account_view(name: str, state: AccountState) -> RenderableType:
    """Draw an account."""
    limits = state.limits
    held = sum(holder.bound for holder in state.holders.values())
    head = Text.assemble((name, "bold"), f"  {held} of {limits.lanes} lanes held")
    spans = ((limits.per_second, "a second"), (limits.per_minute, "a minute"), (limits.per_hour, "an hour"))
    rates = ", ".join(f"{rate:,g} {word}" for rate, word in spans if rate)
    parts: list[RenderableType] = [head]
    rates = f"new calls: {rates}" if rates else "new calls: as many as there are lanes"
    campaigns = f"{limits.campaigns} {'campaign' if limits.campaigns == 1 else 'campaigns'} at once, others are queued"
    parts.append(Text(f"{rates} · {campaigns}", "dim"))
    if limits.inbound_reserve:
        parts.append(Text(f"{limits.inbound_reserve:.0%} of {limits.concurrency} kept free for callers", "dim"))
    if not state.holders:
        return Group(*parts, Text("no campaign asks for lanes"))
    table = new_table("campaign", "priority", "wants", "may hold", "", right=("wants", "may hold"))
    ordered = sorted(
        state.holders.values(), key=lambda holder: (holder.grant.queued, -holder.grant.lanes, holder.since)
    )
    for holder in ordered:
        request, grant = holder.request, holder.grant
        word = grant.reason
        if not holder.alive:
            word = f"its workflow has ended; {holder.bound} calls of it are waited for"
        table.add_row(
            Text(request.campaign.campaign_id, "bold"),
            request.priority.value,
            str(request.wants),
            str(grant.lanes),
            Text(f"queued: {word}" if grant.queued else word, "cyan" if grant.queued else "dim"),
        )
    return Group(*parts, Text(), table)
