"""What a lane hands in to the ledger, and the answers to an intent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from clarion.domain.assessment import Assessment
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.call import CallFacts
from clarion.domain.target import Outcome
from clarion.store.rows import TargetKey


class Refusal(StrEnum):
    """Why an intent was not granted."""

    FENCED = "fenced"
    """Another worker has the target, or it has been settled meanwhile."""
    CLOSED = "closed"
    """The campaign takes no new contacts: paused, cancelled or halted."""
    SUPPRESSED = "suppressed"
    """The person has opted out; the target is skipped."""
    BUDGET = "budget"
    """The money is spent; the campaign is halted."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A durable intent: contact this target at ``slot_at`` (epoch seconds)."""

    attempt: AttemptId
    slot_at: float
    spacings: Mapping[str, float]
    """Seconds between contacts by the name of the pace that limits them."""
    as_of: float
    """Epoch seconds at which, or after which, the campaign was seen to be open."""


@dataclass(frozen=True, slots=True)
class TooEarly:
    """No intent was written: the next slot, at ``slot_at`` (epoch seconds), is too far away to be reserved."""

    slot_at: float


@dataclass(frozen=True, slots=True)
class TooOften:
    """No intent was written: the person has been called as often as one may be in a day, until ``until`` (epoch)."""

    until: float


@dataclass(frozen=True, slots=True)
class Intend:
    """Ask to contact a claimed target; answered with Granted, TooEarly, TooOften (calls alone) or a Refusal."""

    target: TargetKey
    fence: int
    cost: int
    """What a contact costs, in millionths; a call at most."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the provider said about an attempt."""

    attempt: AttemptId
    verdict: Verdict
    facts: CallFacts | None = None
    """What is known of a call."""
    cost: int | None = None
    """What an ended call is taken to have cost, in millionths, until the provider says so itself; else what it cost."""
    assessment: Assessment | None = None
    """What an AI made of the question."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Provably nobody was contacted: the attempt does not count and the target is due at ``due_at``."""

    attempt: AttemptId
    due_at: float
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Postpone:
    """A claimed target cannot be worked on before ``due_at``; says what it waits for. A call that goes on is let go."""

    target: TargetKey
    fence: int
    due_at: float
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A claimed target will not be contacted at all, and why."""

    target: TargetKey
    fence: int
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """The channel asks for patience: nobody goes before ``until``; None counts a failure of the channel."""

    campaign_key: int
    until: float | None


@dataclass(frozen=True, slots=True)
class Halt:
    """Close a campaign for new contacts, because every target would meet the same."""

    campaign_key: int
    why: str


Entry = Intend | Record | Withdraw | Postpone | GiveUp | Backoff | Halt
Answer = Granted | TooEarly | TooOften | Refusal | None


def campaign_of(entry: Entry) -> int:
    """The campaign that an entry is about."""
    match entry:
        case Record(attempt) | Withdraw(attempt):
            return attempt.campaign_key
        case Intend(target) | Postpone(target) | GiveUp(target):
            return target.campaign_key
        case Backoff(campaign_key) | Halt(campaign_key):
            return campaign_key
