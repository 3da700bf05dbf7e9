"""All that the answer to a "why" is made of, and the answer itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from clarion.domain.campaign import CampaignStatus
from clarion.store.campaigns import Campaign
from starter.looking import AttemptLine, TargetLine, TranscriptLine
from starter.looking_leads import LeadFacts
from starter.times import when


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence, and when something happens next."""

    sentence: str
    next_at: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """All that an answer is made of."""

    campaign: Campaign
    target: TargetLine
    attempts: list[AttemptLine]
    before: int
    """Targets whose turn comes first, roughly."""
    per_minute: float
    now: float
    zone: tzinfo | None
    calls: list[TranscriptLine]
    """What is known of its calls, if it is called."""
    texts: str
    """The campaign of texts that follows this one, if any does."""
    lead: LeadFacts | None = None
    """What is known of it as a lead, once it was fetched."""

    @property
    def call(self) -> TranscriptLine | None:
        """What is known of the last call."""
        last = self.last
        return next((call for call in self.calls if last is not None and call.number == last.number), None)

    @property
    def last(self) -> AttemptLine | None:
        """The last attempt."""
        return self.attempts[-1] if self.attempts else None

    def when(self, at: float) -> str:
        """Write an instant for the reader."""
        return when(at, self.now, self.zone)

    @property
    def held(self) -> str:
        """Why nobody at all is contacted now, or nothing."""
        campaign, name = self.campaign, self.campaign.ref.campaign_id
        because = f" ({campaign.reason})" if campaign.reason else ""
        start_at = campaign.spec.start_at
        held = {
            CampaignStatus.DRAFT: f"the campaign is a draft; start it with `clarion start {name}`",
            CampaignStatus.SCHEDULED: f"the campaign starts at {self.when(start_at.timestamp()) if start_at else '…'}",
            CampaignStatus.PREPARING: "the audience is still being read",
            CampaignStatus.QUEUED: f"the campaign is queued{because}; see `clarion account {campaign.account}`",
            CampaignStatus.PAUSING: f"the campaign is being paused{because}",
            CampaignStatus.PAUSED: f"the campaign is paused{because}; go on with `clarion resume {name}`",
            CampaignStatus.CANCELLING: f"the campaign is being cancelled{because}",
        }.get(campaign.status, "")
        if campaign.status.is_final:
            return f"the campaign is {campaign.status}{because}"
        return held or (f"the campaign takes no new contacts: {campaign.halt}" if campaign.halt else "")

    def outcome(self) -> str:
        """Say how the last attempt ended: ``undelivered (30003: the phone is switched off)``."""
        code = self.last.provider_code if self.last else None
        known = ": ".join(part for part in (code, self.target.detail) if part)
        word = (self.target.outcome or "").replace("_", " ")
        return f"{word} ({known})" if known else word
