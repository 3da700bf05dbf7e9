"""How a campaign stands, as every front door shows it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from clarion.contracts import Snapshot
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.store.campaigns import Campaign


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
    """Calls under way by how far they have come."""
    started_at: float | None
    finished_at: float | None
    updated_at: float
    lanes: int
    limits: dict[str, float | int | None]
    budget: float | None
    spent: float


def progress_of(campaign: Campaign, snapshot: Snapshot) -> Progress:
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
        started_at=campaign.started_at,
        finished_at=campaign.finished_at,
        updated_at=max(campaign.updated_at, snapshot.as_of),
        lanes=campaign.lanes,
        limits=campaign.spec.limits.model_dump(exclude={"concurrency"})
        | {"effective_per_second": round(1 / campaign.spacing, 3) if campaign.spacing else None},
        budget=campaign.budget,
        spent=campaign.spent,
    )
