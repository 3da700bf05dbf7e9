"""The ledger: intents and results of all lanes of a worker in one transaction; an intent is answered when durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from clarion.domain.attempt import NEVER
from clarion.domain.target import Outcome, TargetState
from clarion.store.call_limits import LatestCalls, under_way
from clarion.store.database import Database
from clarion.store.entries import (
    Answer,
    Backoff,
    Entry,
    GiveUp,
    Granted,
    Halt,
    Intend,
    Postpone,
    Record,
    Refusal,
    TooEarly,
    TooOften,
    Withdraw,
    campaign_of,
)
from clarion.store.group_commit import GroupCommit
from clarion.store.journal import Person, suppressed_among
from clarion.store.pace import PaceBook, account_pace, campaign_pace, make_rows
from clarion.store.posting import Posting
from clarion.store.rows import CampaignRow, TargetKey
from clarion.store.schema import books, campaigns
from clarion.store.specs import parsed_spec

FARTHEST_SLOT = 10.0
"""Seconds from now within which a slot can be reserved: a reserved slot is lost when its lane is called off."""

MONEY_PAUSE = 5.0
"""Seconds after which a lane asks again, where what is under way may give back the money for one more."""

Ledger = GroupCommit[Entry, Answer]
"""What the lanes of a worker share: ``submit`` an entry, await its answer."""


@dataclass(slots=True)
class LedgerPage:
    """Writes one batch of entries in one transaction. Blocking, and for one thread.

    A batch that was written may be written again, as after a lost answer of the database: no entry takes effect twice.
    """

    database: Database
    account_spacing: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Seconds between contacts by account name and channel, where nobody has set others."""
    grace: float = 15.0
    """Seconds before an unknown target is looked up."""
    _accounts: dict[int, str] = field(default_factory=dict)
    """Pace of the account by campaign; for these and for the campaigns themselves the rows are made."""

    def commit(self, entries: Sequence[Entry], now: float) -> list[Answer]:
        """Write ``entries`` in order and answer each. Raises Unreachable, StoreError."""
        about = {campaign_of(entry) for entry in entries}
        self._prepare(about - self._accounts.keys())
        with self.database.write() as connection:
            posting = Posting(connection, now, self.grace)
            posting.lock(about)
            keys = {campaign_pace(key) for key in about} | {self._accounts[key] for key in about}
            page = _Page(posting, PaceBook(connection, keys), self._accounts, self.account_spacing)
            page.load(entries)
            answers = [page.apply(entry) for entry in entries]
            page.pace.flush()
            posting.flush()
        return answers

    def _prepare(self, new: set[int]) -> None:
        if not new:
            return
        query = select(campaigns.c.key, campaigns.c.tenant, campaigns.c.account, campaigns.c.channel)
        with self.database.read() as connection:
            found = connection.execute(query.where(campaigns.c.key.in_(sorted(new)))).all()
        accounts = {key: account_pace(tenant, account, channel) for key, tenant, account, channel in found}
        make_rows(self.database, {*accounts.values(), *map(campaign_pace, accounts)})
        self._accounts |= accounts


@dataclass(slots=True)
class _Page:
    """The entries of one transaction, applied one by one."""

    posting: Posting
    pace: PaceBook
    accounts: Mapping[int, str]
    account_spacing: Mapping[tuple[str, str], float]
    calls: LatestCalls = field(init=False)

    def __post_init__(self) -> None:
        self.calls = LatestCalls(self.posting)

    def load(self, entries: Sequence[Entry]) -> None:
        judged = [TargetKey(e.attempt.campaign_key, e.attempt.position) for e in entries if isinstance(e, _ON_ATTEMPT)]
        claimed = [e.target for e in entries if isinstance(e, _ON_TARGET)]
        self.posting.load([*judged, *claimed], attempts_of=judged)
        wanted: dict[str, set[str]] = {}
        called: set[Person] = set()
        for entry in entries:
            if isinstance(entry, Intend):
                person = self._person(entry.target)
                if not self.posting.is_of_leads(entry.target.campaign_key):  # whose addresses are no people's
                    wanted.setdefault(person.tenant, set()).add(person.address)
                if self.posting.is_of_calls(entry.target.campaign_key):
                    called.add(person)
        for tenant, addresses in wanted.items():
            found = suppressed_among(self.posting.connection, tenant, addresses)
            self.posting.suppressed |= {Person(tenant, address) for address in found}
        self.calls.load(called)

    def _person(self, target: TargetKey) -> Person:
        return Person(self.posting.campaigns[target.campaign_key].tenant, self.posting.targets[target].address or "")

    def apply(self, entry: Entry) -> Answer:
        match entry:
            case Intend():
                return self._intend(entry)
            case Record():
                self._record(entry)
            case Withdraw():
                self._withdraw(entry)
            case Postpone():
                self._postpone(entry)
            case GiveUp():
                self._give_up(entry)
            case Backoff():
                self._back_off(entry)
            case Halt():
                self.posting.halt(entry.campaign_key, entry.why)
        return None

    def _intend(self, entry: Intend) -> Granted | TooEarly | TooOften | Refusal:
        posting, person = self.posting, self._person(entry.target)
        refusal = self._refusal(entry, person)
        if refusal is not None:
            return refusal
        campaign = posting.campaigns[entry.target.campaign_key]
        of_calls = posting.is_of_calls(campaign.key)
        if of_calls:
            free_at = self.calls.free_at(person, parsed_spec(campaign.spec).limits.per_person_per_day)
            if free_at is not None:
                return TooOften(free_at)
        if campaign.budget is not None and campaign.spent + entry.cost > campaign.budget:
            if may_return_money(posting, campaign.key):
                return TooEarly(posting.now + MONEY_PAUSE)
            posting.halt(campaign.key, budget_spent(campaign))
            return Refusal.BUDGET
        return self._grant(entry, campaign, person if of_calls else None)

    def _refusal(self, entry: Intend, person: Person) -> Refusal | None:
        """Why this person must not be contacted for this target by whoever asks."""
        posting, target = self.posting, self.posting.targets[entry.target]
        if target.fence != entry.fence or target.state not in {TargetState.PENDING, TargetState.WAITING}:
            return Refusal.FENCED
        if not posting.campaigns[target.campaign_key].open:
            return Refusal.CLOSED
        if person in posting.suppressed:
            posting.move(target, TargetState.SKIPPED, Outcome.OPTED_OUT, due_at=NEVER)
            posting.free(target)
            posting.event(*entry.target, "skipped", "opted out before it was contacted")
            return Refusal.SUPPRESSED
        return None

    def _grant(self, entry: Intend, campaign: CampaignRow, called: Person | None) -> Granted | TooEarly:
        """Write the intent at the next slot, if that is near."""
        posting = self.posting
        account = self.accounts[campaign.key]
        settings = self.account_spacing.get((campaign.account, campaign.channel), 0.0)
        spacings = {
            account: self.pace.spacing_of(account, settings),
            campaign_pace(campaign.key): campaign.spacing,
        }
        slot_at = self.pace.next_slot(spacings, posting.now)
        if slot_at > posting.now + FARTHEST_SLOT:
            return TooEarly(slot_at)
        self.pace.reserve(spacings, posting.now)
        attempt = posting.intend(posting.targets[entry.target], entry.fence, slot_at, entry.cost)
        if called is not None:
            self.calls.note(called, attempt)
        return Granted(attempt, slot_at, spacings, posting.now)

    def _record(self, entry: Record) -> None:
        attempt = self.posting.attempts.get(entry.attempt)
        went_on = attempt is not None and attempt.outcome == Outcome.PLACED
        if attempt is not None:
            facts, cost, assessment = entry.facts, entry.cost, entry.assessment
            self.posting.judge(attempt, entry.verdict, facts=facts, cost=cost, assessment=assessment)
        account = self.accounts[entry.attempt.campaign_key]
        if entry.verdict.outcome is Outcome.UNKNOWN and not went_on:
            self.pace.strike(account, self.posting.now)
        else:
            self.pace.works(account)

    def _withdraw(self, entry: Withdraw) -> None:
        attempt = self.posting.attempts.get(entry.attempt)
        if attempt is not None:
            self.posting.withdraw(attempt, entry.due_at, entry.reason, entry.detail or None)

    def _postpone(self, entry: Postpone) -> None:
        target = self.posting.targets[entry.target]
        if target.fence == entry.fence and target.state != TargetState.ACTIVE:
            target.detail = entry.detail or target.detail
            state = TargetState.UNKNOWN if target.state == TargetState.UNKNOWN else TargetState.WAITING
            self.posting.move(target, state, target.outcome, entry.due_at, reason=entry.reason)
            self.posting.free(target)
        elif target.fence == entry.fence and target.outcome == Outcome.PLACED:
            due_at = self.posting.now if entry.due_at >= NEVER else entry.due_at
            self.posting.move(target, TargetState.ACTIVE, target.outcome, due_at, reason=entry.reason)
            self.posting.free(target)

    def _give_up(self, entry: GiveUp) -> None:
        target = self.posting.targets[entry.target]
        if target.fence == entry.fence and target.state != TargetState.ACTIVE:
            target.detail = entry.detail
            self.posting.move(target, TargetState.FAILED, entry.outcome, due_at=NEVER)
            self.posting.free(target)
            self.posting.event(*entry.target, entry.outcome, entry.detail)

    def _back_off(self, entry: Backoff) -> None:
        account = self.accounts[entry.campaign_key]
        if entry.until is None:
            self.pace.strike(account, self.posting.now)
        else:
            self.pace.hold(account, entry.until)


def may_return_money(posting: Posting, campaign_key: int) -> bool:
    """Whether something is under way that may turn out to cost less than is reserved for it."""
    if posting.is_of_leads(campaign_key) and _submitted(posting, campaign_key):
        return True
    reserved = posting.is_of_calls(campaign_key) or posting.is_of_leads(campaign_key)
    return reserved and under_way(posting, campaign_key)


def _submitted(posting: Posting, campaign_key: int) -> bool:
    of_batches = (books.c.state == TargetState.ACTIVE) & (books.c.outcome == Outcome.SUBMITTED)
    query = select(books.c.n).where(books.c.campaign_key == campaign_key, of_batches)
    return bool(posting.connection.execute(query).scalar())


_ON_ATTEMPT = (Record, Withdraw)
_ON_TARGET = (Intend, Postpone, GiveUp)


def budget_spent(campaign: CampaignRow) -> str:
    """Say that the money is spent, and what helps."""
    limit, spent = (campaign.budget or 0) / 1e6, campaign.spent / 1e6
    return f"the budget of {limit:g} is spent ({spent:.4g} so far); raise it with `clarion limits ID --budget …`"
