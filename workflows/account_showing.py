"""What people see of an account in Temporal's Web UI: who holds which lanes, who waits and why."""

from __future__ import annotations

from clarion.account_contracts import AccountLimits, AccountState, Holder
from clarion.contracts import AccountRef

HOW_TO = """
**Change limits**: More Actions → Send an Update → `set_limits`, as `{"concurrency": 20, "campaigns": 2}`.
**Back to the settings**: `reset_limits` (the input may stay empty). *Terminate* helps nobody: campaigns start it again.
"""


def details(account: AccountRef, state: AccountState) -> str:
    """The account as Markdown; lists, as the Web UI draws the cells of a table without any space between them."""
    limits, holders = state.limits, sorted(state.holders.values(), key=lambda holder: holder.since)
    bound = sum(holder.bound for holder in holders)
    lines = [
        f"### Account {account.account} — {bound} of {limits.lanes} lanes held",
        f"{account.tenant} · at most {limits.campaigns} campaigns at once · {_rates(limits)} · run {state.runs}",
        "",
        *_listed("Holding lanes", [_holding(holder) for holder in holders if holder.runs or holder.bound]),
        *_listed("Waiting", [_waiting(holder) for holder in holders if not (holder.runs or holder.bound)]),
        HOW_TO,
    ]
    return "\n".join(lines)


def _listed(title: str, items: list[str]) -> list[str]:
    return [f"**{title}**", "", *(f"- {item}" for item in items), ""] if items else [f"**{title}**: nobody", ""]


def _named(holder: Holder) -> str:
    request = holder.request
    return f"**{request.name or request.campaign.campaign_id}** ({request.campaign.campaign_id}, {request.priority})"


def _holding(holder: Holder) -> str:
    if not holder.alive:
        return f"{_named(holder)}: has ended without a word, {holder.bound} of its calls are still under way"
    last_calls = f", {holder.bound} until calls end" if holder.bound > holder.grant.lanes else ""
    why = f" · {holder.grant.reason}" if holder.grant.reason else ""
    return f"{_named(holder)}: {holder.grant.lanes} lanes{last_calls}, could use {holder.request.wants}{why}"


def _waiting(holder: Holder) -> str:
    return f"{_named(holder)}: {holder.grant.reason or 'wants nothing now'}"


def _rates(limits: AccountLimits) -> str:
    known = {"a second": limits.per_second, "a minute": limits.per_minute, "an hour": limits.per_hour}
    return ", ".join(f"{rate:g} {unit}" for unit, rate in known.items() if rate is not None) or "no rate limit"
