"""What people see of a campaign in Temporal's Web UI: summaries, current details, search attributes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, CampaignState, Snapshot
    from clarion.domain.campaign import CampaignStatus, Channel
    from clarion.domain.target import TargetState

STATUS = SearchAttributeKey.for_keyword("CampaignStatus")
CHANNEL = SearchAttributeKey.for_keyword("CampaignChannel")
TENANT = SearchAttributeKey.for_keyword("TenantId")
NAME = SearchAttributeKey.for_keyword("CampaignName")
TOTAL = SearchAttributeKey.for_int("CampaignTotal")
DONE = SearchAttributeKey.for_int("CampaignDone")
FAILED = SearchAttributeKey.for_int("CampaignFailed")
PERCENT = SearchAttributeKey.for_float("CampaignPercent")

SEARCH_ATTRIBUTES = (STATUS, CHANNEL, TENANT, NAME, TOTAL, DONE, FAILED, PERCENT)
"""SQL visibility has 10 keyword, 3 integer and 3 double columns per namespace: these leave room for a neighbour."""

STEP = 5.0
"""Percent between two updates of the search attributes: each is an event and, on Temporal Cloud, an action."""


def first_search_attributes(given: CampaignInput) -> TypedSearchAttributes:
    """Search attributes that a campaign starts with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATUS, CampaignStatus.PREPARING.value),
            SearchAttributePair(CHANNEL, given.channel.value),
            SearchAttributePair(TENANT, given.campaign.tenant),
            SearchAttributePair(NAME, given.name[:200]),
            SearchAttributePair(PERCENT, 0.0),
        ]
    )


HOW_TO = """
**Pause, resume, cancel**: More Actions → Send a Signal → `pause`, `resume`, `cancel` (the input may stay empty).
**Change limits**: More Actions → Send an Update → `set_limits`, as `{"concurrency": 10, "per_second": 2.5}`.
**Request Cancellation** cancels gracefully: what is under way ends, books are closed. *Terminate* does not: avoid it.
"""
"""For the people who work in the Web UI; shown beside the campaign's current details."""


def static_summary(given: CampaignInput) -> str:
    """One line that never changes."""
    return f"{given.name} · {given.channel} · {given.campaign.tenant}"


def moment(at: float) -> str:
    """Epoch seconds for people, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True)
class Showing:
    """Keeps the Web UI up to date: details each time, search attributes only when they moved enough."""

    given: CampaignInput
    status: CampaignStatus | None = None
    percent: float = -100.0

    def show(self, state: CampaignState) -> None:
        """Show the campaign's state."""
        workflow.set_current_details(details(self.given, state))
        books = state.snapshot.books
        moved = abs(books.percent - self.percent) >= STEP
        if state.status != self.status or moved:
            self.status, self.percent = state.status, books.percent
            workflow.upsert_search_attributes(
                [
                    STATUS.value_set(state.status.value),
                    TOTAL.value_set(books.total),
                    DONE.value_set(books.succeeded),
                    FAILED.value_set(books.failed),
                    PERCENT.value_set(books.percent),
                ]
            )


def details(given: CampaignInput, state: CampaignState) -> str:
    """The campaign as Markdown."""
    snapshot = state.snapshot
    books = snapshot.books
    lines = [
        f"### {given.name} — {state.status}",
        *([f"**{state.reason}**", ""] if state.reason else []),
        f"{books.percent:g} % of {books.total:,} · {state.lanes} lanes · {_pace(snapshot)}",
        "",
        # A list: the Web UI draws the cells of a table without any space between them.
        *(f"- {state}: **{getattr(books, state):,}**" for state in TargetState),
        "",
        ", ".join(f"{outcome} {n:,}" for outcome, n in snapshot.outcomes.items()),
        "",
        *_of_leads(given, snapshot),
        f"as of {moment(snapshot.as_of)} · chunk {state.chunks_started} · run {state.runs}" if snapshot.as_of else "",
    ]
    return "\n".join(lines)


def _of_leads(given: CampaignInput, snapshot: Snapshot) -> list[str]:
    """What of an analysis is still to be done beside asking."""
    if given.channel is not Channel.LEAD_ANALYSIS:
        return []
    left = {
        "to be fetched": snapshot.unfetched,
        "in batches": snapshot.in_batches,
        "to be written back": snapshot.unwritten if given.writes_back else 0,
    }
    told = " · ".join(f"{what} {n:,}" for what, n in left.items() if n)
    return [told, ""] if told else []


def _pace(snapshot: Snapshot) -> str:
    rate = f"{snapshot.per_minute:,.0f} a minute"
    return f"{rate} · expected end {moment(snapshot.eta)}" if snapshot.eta else rate
