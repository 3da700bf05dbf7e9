"""One try at one target: its id, what was said of it, and what follows for the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from clarion.domain.errors import BadInput
from clarion.domain.retry import RetryRules, next_try
from clarion.domain.target import Outcome, TargetState

NEVER = 1e15
"""A due time that does not come: nothing more can be done about this target by itself."""


class AttemptId(NamedTuple):
    """Names an attempt; its text goes to the provider as our reference and comes back in receipts."""

    campaign_key: int
    position: int
    number: int

    def __str__(self) -> str:
        """Render as ``campaign.position.number``."""
        return f"{self.campaign_key}.{self.position}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> AttemptId:
        """Read what ``str`` wrote. Raises BadInput for anything else."""
        parts = text.split(".")
        if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) <= 18 for p in parts):
            message = f'"{text[:60]}" is not an attempt id of ours (campaign.position.number)'
            raise BadInput(message)
        return cls(*(int(p) for p in parts))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a provider said about an attempt, at once or later in a receipt, in our words."""

    outcome: Outcome
    final: bool
    """False: accepted, but a receipt may still change it."""
    retryable: bool = False
    """Whether trying the same target again can help; the campaign's retry rules still decide."""
    at_least: float = 0.0
    """Seconds that must pass before another try, whatever the rules say."""
    account_fault: bool = False
    """The fault lies with the account or sender: every target would meet it, so the campaign stops by itself."""
    suppress: bool = False
    """The person opted out: nobody of this tenant may contact the address again."""
    succeeded: bool = False
    """Takes an outcome that is no success by itself for one: the voicemail was left its message."""
    provider_reference: str | None = None
    provider_status: str | None = None
    provider_code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a target stands after a verdict."""

    state: TargetState
    outcome: Outcome
    due_at: float
    """Epoch seconds: next try, lookup, or the deadline for a receipt; NEVER for final states."""


SUCCESSES = frozenset({Outcome.SENT, Outcome.DELIVERED, Outcome.ANSWERED, Outcome.ASSESSED})

_AT_ONCE = {
    Outcome.UNKNOWN: TargetState.UNKNOWN,
    Outcome.PLACED: TargetState.ACTIVE,
    Outcome.SUBMITTED: TargetState.ACTIVE,
    Outcome.CANCELLED: TargetState.CANCELLED,
    Outcome.OPTED_OUT: TargetState.SKIPPED,
}
"""What follows from these outcomes, whatever the rules say."""


def standing_after(
    verdict: Verdict, rules: RetryRules, *, tries: int, now: float, receipt_wait: float, running: bool = True
) -> Standing:
    """Decide what a verdict means for its target.

    ``tries`` counts this attempt. ``receipt_wait`` is in seconds; 0 means that no receipts are expected.
    In a campaign that is no longer ``running`` nothing is tried again.
    """
    outcome = verdict.outcome
    if outcome in _AT_ONCE:
        return Standing(_AT_ONCE[outcome], outcome, now if outcome is Outcome.UNKNOWN else NEVER)
    if outcome in SUCCESSES or verdict.succeeded:
        if verdict.final or receipt_wait <= 0:
            return Standing(TargetState.SUCCEEDED, outcome, NEVER)
        return Standing(TargetState.ACTIVE, outcome, now + receipt_wait)
    if verdict.retryable and running:
        due_at = next_try(rules, tries, outcome, now, verdict.at_least)
        if due_at is not None:
            return Standing(TargetState.WAITING, outcome, due_at)
    return Standing(TargetState.FAILED, outcome, NEVER)
