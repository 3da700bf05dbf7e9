"""How a campaign stands, as every front door shows it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from clarion.contracts import Snapshot
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.phases import PhaseFigures, figures


class Follower(BaseModel):
    """A campaign that follows another one with some of its targets."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    channel: Channel
    status: CampaignStatus
    books: Books


class Tokens(BaseModel):
    """What the answers of a campaign took, and what was saved."""

    model_config = ConfigDict(frozen=True)

    input: int
    output: int
    reused: int
    """Leads whose question had been answered before, which costs nothing."""


class Progress(BaseModel):
    """A campaign's progress. Times are epoch seconds, money is in the account's currency."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    name: str
    channel: Channel
    status: CampaignStatus
    reason: str
    books: Books
    outcomes: dict[str, int]
    percent: float
    success_rate: float | None
    per_minute: float
    eta: float | None
    next_due_at: float | None
    under_way: int
    stages: dict[str, int] = {}
    """Calls under way by how far they have come; leads by how far theirs have."""
    phases: tuple[PhaseFigures, ...] = ()
    """Of an analysis of leads."""
    tokens: Tokens | None = None
    """Of an analysis of leads."""
    parent: str | None = None
    """The campaign that this one follows."""
    followers: tuple[Follower, ...] = ()
    """Campaigns that follow this one."""
    started_at: float | None
    finished_at: float | None
    updated_at: float
    lanes: int
    limits: dict[str, float | int | None]
    budget: float | None
    spent: float


def progress_now(store: Store, campaign: Campaign, now: float) -> Progress:
    """Ask the store how a campaign stands at ``now`` (epoch seconds), what it follows and what follows it. Blocking."""
    key, spec = campaign.ref.key, campaign.spec
    snapshot = store.campaigns.snapshot(key, now)
    found = progress_of(campaign, snapshot, _followers(store, campaign, now))
    if spec.channel is not Channel.LEAD_ANALYSIS:
        return found
    used = store.leads.usage(key)
    runs = not campaign.status.is_final
    phases = figures(spec, snapshot, store.leads.phases(key), runs=runs, write_errors=used.write_errors)
    tokens = Tokens(input=used.input_tokens, output=used.output_tokens, reused=used.reused)
    return found.model_copy(update={"phases": tuple(phases), "tokens": tokens})


def progress_of(campaign: Campaign, snapshot: Snapshot, followers: Sequence[Follower] = ()) -> Progress:
    """Put together what the store knows."""
    done = campaign.status.is_final
    return Progress(
        campaign_id=campaign.ref.campaign_id,
        name=campaign.name,
        channel=campaign.spec.channel,
        status=campaign.status,
        reason=campaign.reason,
        books=snapshot.books,
        outcomes=snapshot.outcomes,
        percent=snapshot.books.percent,
        success_rate=snapshot.books.success_rate,
        per_minute=0.0 if done else snapshot.per_minute,
        eta=None if done else snapshot.eta,
        next_due_at=None if done else snapshot.next_due_at,
        under_way=snapshot.under_way,
        stages=snapshot.stages,
        parent=campaign.spec.feed.campaign if campaign.spec.feed else None,
        followers=tuple(followers),
        started_at=campaign.started_at,
        finished_at=campaign.finished_at,
        updated_at=max(campaign.updated_at, snapshot.as_of),
        lanes=campaign.lanes,
        limits=campaign.spec.limits.model_dump(exclude={"concurrency"})
        | {"effective_per_second": round(1 / campaign.spacing, 3) if campaign.spacing else None},
        budget=campaign.budget,
        spent=campaign.spent,
    )


def _followers(store: Store, campaign: Campaign, now: float) -> list[Follower]:
    if campaign.spec.then is None and campaign.spec.fallback is None:
        return []
    children = [store.campaigns.find(campaign.ref.tenant, name) for name in store.campaigns.followers(campaign.ref.key)]
    return [
        Follower(
            campaign_id=child.ref.campaign_id,
            channel=child.spec.channel,
            status=child.status,
            books=store.campaigns.snapshot(child.ref.key, now).books,
        )
        for child in children
    ]
