"""One transaction's worth of changes to targets, with the books, the log and the money kept in step.

Load what the changes touch, apply them one by one to the loaded rows, then flush everything at once. Whatever moves a
target from one state to another goes through here, so the books cannot drift from the targets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from clarion.domain.attempt import NEVER, AttemptId, Standing, Verdict, standing_after
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, TargetState
from clarion.store.database import storable
from clarion.store.journal import Journal, Person, Wish
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
from clarion.store.schema import UNBILLED
from clarion.store.specs import parsed_spec

UNDECIDED = frozenset({None, Outcome.SENT, Outcome.UNKNOWN, Outcome.NOT_SENT})
"""Outcomes of an attempt that a later word of the provider may still replace."""

UNANSWERED = frozenset({None, Outcome.UNKNOWN})
"""Outcomes of an attempt about which the provider has said nothing yet."""


@dataclass(slots=True)
class Posting:
    """Changes to targets of some campaigns inside one write transaction at time ``now`` (epoch seconds)."""

    connection: Connection
    now: float
    grace: float = 0.0
    """Seconds before a target whose outcome is unknown is looked up."""
    campaigns: dict[int, CampaignRow] = field(default_factory=dict)
    targets: dict[TargetKey, TargetRow] = field(default_factory=dict)
    attempts: dict[AttemptId, AttemptRow] = field(default_factory=dict)
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

    def intend(self, target: TargetRow, fence: int, slot_at: float, cost: int) -> AttemptId:
        """Write the intent to contact a target; ``cost`` is charged until the contact turns out not to be billed."""
        target.attempts += 1
        target.tries += 1
        self.move(target, TargetState.ACTIVE, target.outcome, NEVER)
        attempt = AttemptRow(*target.key, target.attempts, fence, self.now, slot_at, cost, new=True)
        self.attempts[attempt.id] = attempt
        self._charge(attempt, cost)
        return attempt.id

    def strand(self, attempt: AttemptRow, why: str) -> None:
        """Note that nobody can say whether an intent took effect."""
        target = self.targets[attempt.target]
        attempt.outcome, attempt.changed = Outcome.UNKNOWN, True
        due_at = max(attempt.slot_at, self.now) + self.grace
        self.move(target, TargetState.UNKNOWN, Outcome.UNKNOWN, due_at, reason="lookup")
        self.event(*target.key, "unknown", f"attempt {attempt.number}: {why}")

    def withdraw(self, attempt: AttemptRow, due_at: float, reason: str | None, detail: str | None) -> None:
        """Take an intent back: provably nobody was contacted, and it does not count as a try.

        An attempt on which the provider has spoken meanwhile stays as it is.
        """
        target = self.targets[attempt.target]
        if attempt.outcome not in UNANSWERED or target.attempts != attempt.number:
            return
        self._end(attempt, Outcome.NOT_SENT, detail)
        target.tries, target.changed = max(0, target.tries - 1), True
        if target.state in {TargetState.ACTIVE, TargetState.UNKNOWN}:
            outcome = None if target.outcome == Outcome.UNKNOWN else target.outcome
            self._rest(target, Standing(TargetState.WAITING, Outcome.NOT_SENT, due_at), outcome, reason)
        self.event(*target.key, "withdrawn", f"attempt {attempt.number}: {detail or reason or ''}")

    def judge(self, attempt: AttemptRow, verdict: Verdict, *, rank: int = -1, receipt: bool = False) -> bool:
        """Apply a provider's word on an attempt. Returns whether it decided anything that was not known.

        Words may come twice, late and out of order; an attempt that is decided stays decided.
        """
        self._note_words(attempt, verdict, rank, receipt=receipt)
        was = attempt.outcome
        if was not in UNDECIDED or was == verdict.outcome or (verdict.outcome is Outcome.UNKNOWN and was is not None):
            return False
        self._end(attempt, verdict.outcome, verdict.detail)
        attempt.provider_code = _clipped(verdict.provider_code, 16)
        if was in UNANSWERED and verdict.outcome is not Outcome.UNKNOWN:
            self.journal.contact(attempt.campaign_key)
        target = self.targets[attempt.target]
        if verdict.suppress and target.address:
            person = Person(self.campaigns[attempt.campaign_key].tenant, target.address)
            self.suppress(person, Wish(contact=False, at=self.now, source="provider", detail=verdict.detail or ""))
        if target.attempts != attempt.number:
            self.event(*target.key, "late_receipt", f"attempt {attempt.number}: {verdict.outcome}")
            return True
        target.tries += was == Outcome.NOT_SENT
        self._follow(target, attempt, verdict)
        return True

    def suppress(self, person: Person, wish: Wish) -> None:
        """Note that a person is not to be contacted any more."""
        self.journal.wish(person, wish)
        self.suppressed.add(person)

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
        write_targets(self.connection, self.targets.values(), self.now)
        self.journal.write(self.connection)

    def _note_words(self, attempt: AttemptRow, verdict: Verdict, rank: int, *, receipt: bool) -> None:
        attempt.provider_reference = attempt.provider_reference or _clipped(verdict.provider_reference, 64)
        attempt.changed = True
        if receipt:
            attempt.receipt_at = self.now
        if rank >= attempt.provider_rank:
            attempt.provider_rank = rank
            attempt.provider_status = _clipped(verdict.provider_status, 32) or attempt.provider_status

    def _follow(self, target: TargetRow, attempt: AttemptRow, verdict: Verdict) -> None:
        """Let a target stand where the verdict on its latest attempt puts it."""
        campaign = self.campaigns[attempt.campaign_key]
        spec = parsed_spec(campaign.spec)
        running = not CampaignStatus(campaign.status).is_final
        standing = standing_after(
            verdict,
            spec.retry,
            tries=target.tries,
            now=self.now,
            receipt_wait=spec.receipts.wait if running else 0.0,  # nobody waits for receipts any more
            running=running,
        )
        if standing.state is TargetState.UNKNOWN:
            standing = Standing(standing.state, standing.outcome, self.now + self.grace)
        reason = {TargetState.WAITING: "retry", TargetState.UNKNOWN: "lookup"}.get(standing.state)
        target.detail = storable(verdict.detail)
        self._rest(target, standing, standing.outcome, reason)
        told = f"attempt {attempt.number}: {verdict.outcome}" + (f" ({target.detail})" if target.detail else "")
        self.event(*target.key, verdict.outcome, told)
        if verdict.account_fault:
            self.halt(campaign.key, verdict.detail or "the provider refuses the account")

    def _rest(self, target: TargetRow, standing: Standing, outcome: str | None, reason: str | None) -> None:
        """End a target's claim where it stands; in a campaign that is over or called off, nothing waits."""
        state, due_at = standing.state, standing.due_at
        status = CampaignStatus(self.campaigns[target.campaign_key].status)
        if state is TargetState.WAITING and status in {CampaignStatus.CANCELLING, CampaignStatus.CANCELLED}:
            state, due_at, reason = TargetState.CANCELLED, NEVER, None
        elif state is TargetState.WAITING and status.is_final:
            state, outcome, due_at, reason = TargetState.FAILED, outcome or standing.outcome, NEVER, None
        self.move(target, state, outcome, due_at, reason=reason)
        self.free(target)

    def _end(self, attempt: AttemptRow, outcome: Outcome, detail: str | None) -> None:
        billed = (attempt.outcome not in UNBILLED, outcome not in UNBILLED)
        self._charge(attempt, attempt.cost * (billed[1] - billed[0]))
        attempt.outcome, attempt.ended_at, attempt.changed = outcome.value, self.now, True
        attempt.detail = storable(detail) or attempt.detail

    def _charge(self, attempt: AttemptRow, amount: int) -> None:
        if amount:
            campaign = self.campaigns[attempt.campaign_key]
            campaign.spent, campaign.changed = campaign.spent + amount, True


def _positions(keys: Iterable[TargetKey]) -> dict[int, set[int]]:
    by_campaign: dict[int, set[int]] = {}
    for key in keys:
        by_campaign.setdefault(key.campaign_key, set()).add(key.position)
    return by_campaign


def _clipped(word: str | None, length: int) -> str | None:
    return None if word is None else word[:length]
