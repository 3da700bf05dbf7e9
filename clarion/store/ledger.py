"""The ledger: intents and results of all lanes of a worker, committed together; an intent is answered when it is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import select

from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.target import Outcome, TargetState
from clarion.providers.ports import Scope
from clarion.store.database import Database
from clarion.store.group_commit import GroupCommit
from clarion.store.pace import PaceBook
from clarion.store.posting import CampaignRow, Posting, TargetKey
from clarion.store.schema import suppressions


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


@dataclass(frozen=True, slots=True)
class Intend:
    """Ask to contact a claimed target; answered with Granted or a Refusal."""

    target: TargetKey
    fence: int
    cost: int
    """What a contact costs, in millionths."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the provider said about an attempt."""

    attempt: AttemptId
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Provably nobody was contacted: the attempt does not count and the target is due at ``due_at``."""

    attempt: AttemptId
    due_at: float
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Postpone:
    """A claimed target cannot be worked on before ``due_at``; says what it waits for."""

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
    scope: Scope = Scope.ACCOUNT


@dataclass(frozen=True, slots=True)
class Halt:
    """Close a campaign for new contacts, because every target would meet the same."""

    campaign_key: int
    why: str


Entry = Intend | Record | Withdraw | Postpone | GiveUp | Backoff | Halt
Answer = Granted | Refusal | None


def account_key(campaign: CampaignRow) -> str:
    """Name the pace of an account on a channel, over all campaigns."""
    return f"account/{campaign.tenant}/{campaign.account}/{campaign.channel}"


@dataclass(slots=True)
class LedgerPage:
    """Writes one batch of entries in one transaction. Blocking."""

    database: Database
    account_spacing: Mapping[str, float] = field(default_factory=dict)
    """Seconds between contacts by account name."""
    grace: float = 15.0
    """Seconds before an unknown target is looked up."""

    def commit(self, entries: Sequence[Entry], now: float) -> list[Answer]:
        """Write ``entries`` in order and answer each."""
        with self.database.write() as connection:
            posting = Posting(connection, now, self.grace)
            posting.lock({_campaign_of(entry) for entry in entries})
            rows = posting.campaigns.values()
            pace = PaceBook(connection, {account_key(row) for row in rows} | {campaign_pace(row.key) for row in rows})
            judged = [_target_of(e) for e in entries if isinstance(e, Record | Withdraw)]
            claimed = [e.target for e in entries if isinstance(e, Intend | Postpone | GiveUp)]
            posting.load([*judged, *claimed], attempts_of=judged)
            opted_out = self._opted_out(posting, [e.target for e in entries if isinstance(e, Intend)])
            answers = [self._apply(entry, posting, pace, opted_out) for entry in entries]
            pace.flush()
            posting.flush()
        return answers

    def _apply(self, entry: Entry, posting: Posting, pace: PaceBook, opted_out: set[tuple[str, str]]) -> Answer:
        match entry:
            case Intend():
                return self._intend(entry, posting, pace, opted_out)
            case Record(attempt, verdict):
                row = posting.attempts.get(attempt)
                if row is not None:
                    posting.judge(row, verdict)
                key = account_key(posting.campaigns[attempt.campaign_key])
                if verdict.outcome is Outcome.UNKNOWN:
                    pace.strike(key, posting.now)
                else:
                    pace.works(key)
            case Withdraw(attempt, due_at, reason, detail):
                row = posting.attempts.get(attempt)
                if row is not None:
                    posting.withdraw(row, due_at, reason, detail or None)
            case Postpone(key, fence, due_at, reason, detail):
                target = posting.targets[key]
                if target.fence == fence:
                    target.detail = detail or target.detail
                    state = TargetState.UNKNOWN if target.state == TargetState.UNKNOWN else TargetState.WAITING
                    posting.move(target, state, target.outcome, due_at, reason=reason)
                    posting.free(target)
            case GiveUp(key, fence, outcome, detail):
                target = posting.targets[key]
                if target.fence == fence:
                    target.detail = detail
                    posting.move(target, TargetState.FAILED, outcome, due_at=NEVER)
                    posting.free(target)
                    posting.event(*key, outcome, detail)
            case Backoff(campaign_key, until, _):
                key_ = account_key(posting.campaigns[campaign_key])
                if until is None:
                    pace.strike(key_, posting.now)
                else:
                    pace.hold(key_, until)
            case Halt(campaign_key, why):
                posting.halt(campaign_key, why)
        return None

    def _intend(
        self, entry: Intend, posting: Posting, pace: PaceBook, opted_out: set[tuple[str, str]]
    ) -> Granted | Refusal:
        target = posting.targets[entry.target]
        campaign = posting.campaigns[entry.target.campaign_key]
        if target.fence != entry.fence or target.state not in {TargetState.PENDING, TargetState.WAITING}:
            return Refusal.FENCED
        if not campaign.open:
            return Refusal.CLOSED
        if (campaign.tenant, target.address or "") in opted_out:
            posting.move(target, TargetState.SKIPPED, Outcome.OPTED_OUT, due_at=NEVER)
            posting.free(target)
            posting.event(*entry.target, "skipped", "opted out before it was contacted")
            return Refusal.SUPPRESSED
        if campaign.budget is not None and campaign.spent + entry.cost > campaign.budget:
            posting.halt(campaign.key, budget_spent(campaign))
            return Refusal.BUDGET
        account = account_key(campaign)
        spacings = {
            account: self.account_spacing.get(campaign.account, 0.0),
            campaign_pace(campaign.key): campaign.spacing,
        }
        slot_at = pace.reserve(spacings, posting.now)
        return Granted(posting.intend(target, entry.fence, slot_at, entry.cost), slot_at, spacings)

    def _opted_out(self, posting: Posting, wanted: Sequence[TargetKey]) -> set[tuple[str, str]]:
        addresses = {posting.targets[key].address for key in wanted}
        if not addresses:
            return set()
        query = select(suppressions.c.tenant, suppressions.c.address).where(
            suppressions.c.tenant.in_({c.tenant for c in posting.campaigns.values()}),
            suppressions.c.address.in_(addresses),
        )
        return {(tenant, address) for tenant, address in posting.connection.execute(query)}


def campaign_pace(campaign_key: int) -> str:
    """Name the pace of one campaign."""
    return f"campaign/{campaign_key}"


def budget_spent(campaign: CampaignRow) -> str:
    """Say that the money is spent, and what helps."""
    limit = (campaign.budget or 0) / 1e6
    return f"the budget of {limit:g} is spent ({campaign.spent / 1e6:.4g} so far); raise it with `clarion limits ID --budget …`"


def _campaign_of(entry: Entry) -> int:
    match entry:
        case Record(attempt) | Withdraw(attempt):
            return attempt.campaign_key
        case Backoff(campaign_key) | Halt(campaign_key):
            return campaign_key
        case Intend(target) | Postpone(target) | GiveUp(target):
            return target.campaign_key


def _target_of(entry: Record | Withdraw) -> TargetKey:
    return TargetKey(entry.attempt.campaign_key, entry.attempt.position)


Ledger = GroupCommit[Entry, Answer]
"""What the lanes of a worker share: ``submit`` an entry, await its answer."""
