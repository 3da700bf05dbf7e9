"""Rows of one transaction: loaded once, changed in memory, written at once, with the books and the log in step."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import Channel
from clarion.domain.target import TargetState
from clarion.store.call_rows import CallRow, read_calls, write_calls
from clarion.store.journal import Journal, Person
from clarion.store.lead_rows import AnswerRow, write_answers
from clarion.store.rows import (
    AttemptRow,
    CampaignRow,
    TargetKey,
    TargetRow,
    lock_campaigns,
    read_attempts,
    read_targets,
    write_attempts,
    write_campaigns,
    write_targets,
)


@dataclass(slots=True)
class Sheet:
    """Rows of some campaigns inside one write transaction at time ``now`` (epoch seconds)."""

    connection: Connection
    now: float
    grace: float = 0.0
    """Seconds before a target whose outcome is unknown is looked up."""
    campaigns: dict[int, CampaignRow] = field(default_factory=dict)
    targets: dict[TargetKey, TargetRow] = field(default_factory=dict)
    attempts: dict[AttemptId, AttemptRow] = field(default_factory=dict)
    calls: dict[AttemptId, CallRow] = field(default_factory=dict)
    """What is known of calls; loaded with their attempts."""
    answers: list[AnswerRow] = field(default_factory=list)
    """What AIs have made of leads."""
    suppressed: set[Person] = field(default_factory=set)
    """People known to be on the do-not-contact list: those whom somebody looked up, and those put on it here."""
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        """Begin an empty journal."""
        self.journal = Journal(self.now)

    def lock(self, campaign_keys: Collection[int]) -> None:
        """Lock campaigns: every posting about a campaign waits for the one before it.

        Only the first call of a posting may lock more than one, else two postings could wait for each other.
        """
        missing = set(campaign_keys) - self.campaigns.keys()
        for row in lock_campaigns(self.connection, missing) if missing else ():
            self.campaigns[row.key] = row

    def load(self, keys: Iterable[TargetKey], attempts_of: Iterable[TargetKey] = ()) -> None:
        """Lock the campaigns of ``keys`` and load the targets; of ``attempts_of`` their attempts as well."""
        by_campaign = _positions(keys)
        self.lock(by_campaign)
        for campaign_key, positions in by_campaign.items():
            for target in read_targets(self.connection, campaign_key, positions):
                self.targets[target.key] = target
        for campaign_key, positions in _positions(attempts_of).items():
            for attempt in read_attempts(self.connection, campaign_key, positions):
                self.attempts[attempt.id] = attempt
            if self.is_of_calls(campaign_key):
                for call in read_calls(self.connection, campaign_key, positions):
                    self.calls[call.id] = call

    def is_of_calls(self, campaign_key: int) -> bool:
        """Whether a locked campaign calls people."""
        campaign = self.campaigns.get(campaign_key)
        return campaign is not None and campaign.channel == Channel.CALL

    def is_of_leads(self, campaign_key: int) -> bool:
        """Whether a locked campaign has leads assessed."""
        campaign = self.campaigns.get(campaign_key)
        return campaign is not None and campaign.channel == Channel.LEAD_ANALYSIS

    def event(self, campaign_key: int, position: int | None, kind: str, detail: str = "") -> None:
        """Add a line to the log."""
        self.journal.line(campaign_key, position, kind, detail)

    def move(
        self, target: TargetRow, state: TargetState, outcome: str | None, due_at: float, *, reason: str | None = None
    ) -> None:
        """Put a target into a state; the only place where the books change."""
        self.journal.move(target.campaign_key, (target.state, target.outcome), (state.value, outcome))
        target.state, target.outcome, target.due_at, target.reason = state.value, outcome, due_at, reason
        target.changed = True

    def free(self, target: TargetRow) -> None:
        """End the claim on a target."""
        target.chunk = target.fence = None
        target.changed = True

    def halt(self, campaign_key: int, why: str) -> None:
        """Close a campaign for new contacts, because of something every target would meet."""
        campaign = self.campaigns[campaign_key]
        if not campaign.halt and campaign.open:
            self.event(campaign_key, None, "halted", why)
            campaign.open, campaign.halt, campaign.changed = False, why, True

    def flush(self) -> None:
        """Write everything."""
        write_campaigns(self.connection, self.campaigns.values(), self.now)
        write_attempts(self.connection, self.attempts.values())
        write_calls(self.connection, self.calls.values())
        write_answers(self.connection, self.answers, self.now)
        write_targets(self.connection, self.targets.values(), self.now)
        self.journal.write(self.connection)


def _positions(keys: Iterable[TargetKey]) -> dict[int, set[int]]:
    by_campaign: dict[int, set[int]] = {}
    for key in keys:
        by_campaign.setdefault(key.campaign_key, set()).add(key.position)
    return by_campaign
