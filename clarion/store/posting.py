"""One transaction's worth of changes to targets, with the books, the events and the pace kept in step.

Load what the changes touch, apply them one by one to the loaded rows, then flush everything at once. Whatever moves a
target from one state to another goes through here, so the books cannot drift from the targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clarion.domain.attempt import NEVER, AttemptId, Standing, Verdict, standing_after
from clarion.domain.campaign import CampaignSpec, CampaignStatus
from clarion.domain.target import Outcome, TargetState
from clarion.store import schema
from clarion.store.schema import TICK_SECONDS, attempts, books, campaigns, events, targets, ticks

UNDECIDED = frozenset({None, Outcome.SENT, Outcome.UNKNOWN, Outcome.NOT_SENT})
"""Outcomes of an attempt that a later word of the provider may still replace."""

UNBILLED = frozenset(
    {Outcome.NOT_SENT, Outcome.FAILED, Outcome.INVALID_NUMBER, Outcome.REJECTED_CONTENT, Outcome.OPTED_OUT}
)


@dataclass(slots=True)
class CampaignRow:
    """A campaign as loaded and locked for this transaction."""

    key: int
    tenant: str
    account: str
    channel: str
    status: str
    open: bool
    halt: str
    spec: str
    spacing: float
    budget: int | None
    spent: int
    changed: bool = False


@dataclass(slots=True)
class TargetRow:
    """A target as loaded; fields that can change in a posting."""

    campaign_key: int
    position: int
    address: str | None
    state: str
    outcome: str | None
    reason: str | None
    detail: str | None
    due_at: float
    tries: int
    attempts: int
    chunk: int | None
    fence: int | None
    changed: bool = False


@dataclass(slots=True)
class AttemptRow:
    """An attempt as loaded or newly made."""

    campaign_key: int
    position: int
    number: int
    fence: int
    intended_at: float
    slot_at: float
    cost: int
    outcome: str | None = None
    ended_at: float | None = None
    provider_reference: str | None = None
    provider_status: str | None = None
    provider_rank: int = -1
    provider_code: str | None = None
    detail: str | None = None
    receipt_at: float | None = None
    new: bool = False
    changed: bool = False


class TargetKey(NamedTuple):
    """Names a target."""

    campaign_key: int
    position: int


_CAMPAIGN_COLUMNS = [campaigns.c[name] for name in CampaignRow.__slots__ if name != "changed"]
_TARGET_COLUMNS = [targets.c[name] for name in TargetRow.__slots__ if name != "changed"]
_ATTEMPT_FIELDS = [name for name in AttemptRow.__slots__ if name not in {"new", "changed"}]
_ATTEMPT_COLUMNS = [attempts.c[name] for name in _ATTEMPT_FIELDS]
_TARGET_CHANGES = ("state", "outcome", "reason", "detail", "due_at", "tries", "attempts", "chunk", "fence")
_ATTEMPT_CHANGES = tuple(
    n for n in _ATTEMPT_FIELDS if n not in {"campaign_key", "position", "number", "fence", "intended_at"}
)

_UPDATE_TARGETS = (
    update(targets)
    .where(targets.c.campaign_key == bindparam("k"), targets.c.position == bindparam("p"))
    .values({name: bindparam(f"v_{name}") for name in (*_TARGET_CHANGES, "updated_at")})
)
_UPDATE_ATTEMPTS = (
    update(attempts)
    .where(
        attempts.c.campaign_key == bindparam("k"),
        attempts.c.position == bindparam("p"),
        attempts.c.number == bindparam("n"),
    )
    .values({name: bindparam(f"v_{name}") for name in _ATTEMPT_CHANGES})
)


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
    _moves: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    _contacted: Counter[int] = field(default_factory=Counter)
    _events: list[dict[str, object]] = field(default_factory=list)
    _specs: dict[int, CampaignSpec] = field(default_factory=dict)

    def load(self, keys: Iterable[TargetKey], attempts_of: Collection[TargetKey] = ()) -> None:
        """Lock the campaigns of ``keys`` and load the targets; of ``attempts_of`` their attempts as well."""
        by_campaign: dict[int, set[int]] = {}
        for key in keys:
            by_campaign.setdefault(key.campaign_key, set()).add(key.position)
        self.lock(by_campaign)
        wanted: dict[int, set[int]] = {}
        for key in attempts_of:
            wanted.setdefault(key.campaign_key, set()).add(key.position)
        for campaign_key, positions in by_campaign.items():
            found = self.connection.execute(
                select(*_TARGET_COLUMNS).where(
                    targets.c.campaign_key == campaign_key, targets.c.position.in_(positions)
                )
            )
            for row in found:
                self.targets[TargetKey(row[0], row[1])] = TargetRow(*row)
        for campaign_key, positions in wanted.items():
            tried = self.connection.execute(
                select(*_ATTEMPT_COLUMNS).where(
                    attempts.c.campaign_key == campaign_key, attempts.c.position.in_(positions)
                )
            )
            for row in tried:
                self.attempts[AttemptId(row[0], row[1], row[2])] = AttemptRow(*row)

    def lock(self, campaign_keys: Collection[int]) -> None:
        """Lock campaigns in key order: every posting about a campaign waits for the one before it."""
        missing = sorted(set(campaign_keys) - self.campaigns.keys())
        if not missing:
            return
        query = select(*_CAMPAIGN_COLUMNS).where(campaigns.c.key.in_(missing)).order_by(campaigns.c.key)
        for row in self.connection.execute(query.with_for_update(key_share=True)):
            self.campaigns[row[0]] = CampaignRow(*row)

    def spec(self, campaign_key: int) -> CampaignSpec:
        """The campaign's file, parsed once a posting."""
        if campaign_key not in self._specs:
            self._specs[campaign_key] = parsed_spec(self.campaigns[campaign_key].spec)
        return self._specs[campaign_key]

    def event(self, campaign_key: int, position: int | None, kind: str, detail: str = "") -> None:
        """Add a line to the log."""
        self._events.append(
            {"campaign_key": campaign_key, "position": position, "at": self.now, "kind": kind, "detail": detail}
        )

    def move(
        self, target: TargetRow, state: TargetState, outcome: str | None, due_at: float, *, reason: str | None = None
    ) -> None:
        """Put a target into a state; the only place where the books change."""
        self._moves[target.campaign_key, target.state, target.outcome or ""] -= 1
        self._moves[target.campaign_key, state.value, outcome or ""] += 1
        target.state, target.outcome, target.due_at, target.reason = state.value, outcome, due_at, reason
        target.changed = True

    def free(self, target: TargetRow) -> None:
        """End the claim on a target."""
        target.chunk = target.fence = None
        target.changed = True

    def intend(self, target: TargetRow, fence: int, slot_at: float, cost: int) -> AttemptId:
        """Write the intent to contact a target."""
        campaign = self.campaigns[target.campaign_key]
        target.attempts += 1
        target.tries += 1
        self.move(target, TargetState.ACTIVE, target.outcome, NEVER)
        attempt = AttemptId(target.campaign_key, target.position, target.attempts)
        self.attempts[attempt] = AttemptRow(*attempt, fence, self.now, slot_at, cost, new=True)
        campaign.spent += cost
        campaign.changed = campaign.changed or cost > 0
        return attempt

    def withdraw(self, attempt: AttemptRow, due_at: float, reason: str | None, detail: str | None) -> None:
        """Take an intent back: provably nobody was contacted, and it does not count as a try."""
        target = self.targets[attempt_target(attempt)]
        if attempt.outcome not in UNDECIDED or target.attempts != attempt.number:
            return
        self._end(attempt, Outcome.NOT_SENT, detail)
        self._refund(attempt)
        target.tries = max(0, target.tries - 1)
        if target.state in {TargetState.ACTIVE, TargetState.UNKNOWN}:
            outcome = None if target.outcome == Outcome.UNKNOWN else target.outcome
            self._rest(target, Standing(TargetState.WAITING, Outcome.NOT_SENT, due_at), outcome, reason)
            self.event(*attempt_target(attempt), "withdrawn", f"attempt {attempt.number}: {detail or reason or ''}")

    def judge(self, attempt: AttemptRow, verdict: Verdict, *, rank: int = -1, receipt: bool = False) -> bool:
        """Apply a provider's word on an attempt. Returns whether it decided anything that was not known.

        Words may come twice, late and out of order; an attempt that is decided stays decided.
        """
        attempt.provider_reference = attempt.provider_reference or verdict.provider_reference
        attempt.changed = True
        if receipt:
            attempt.receipt_at = self.now
        if rank >= attempt.provider_rank:
            attempt.provider_rank = rank
            attempt.provider_status = verdict.provider_status or attempt.provider_status
        if attempt.outcome not in UNDECIDED or attempt.outcome == verdict.outcome:
            return False
        if verdict.outcome is Outcome.UNKNOWN and attempt.outcome is not None:
            return False
        first_word = attempt.outcome is None or attempt.outcome == Outcome.UNKNOWN
        taken_back = attempt.outcome == Outcome.NOT_SENT
        self._end(attempt, verdict.outcome, verdict.detail)
        attempt.provider_code = verdict.provider_code
        if first_word and verdict.outcome is not Outcome.UNKNOWN:
            self._contacted[attempt.campaign_key] += 1
        target = self.targets[attempt_target(attempt)]
        if verdict.suppress and target.address:
            self.suppress(self.campaigns[attempt.campaign_key].tenant, target.address, "provider", verdict.detail or "")
        if target.attempts != attempt.number:
            self.event(
                attempt.campaign_key, attempt.position, "late_receipt", f"attempt {attempt.number}: {verdict.outcome}"
            )
            return True
        target.tries += taken_back
        self._follow(target, attempt, verdict)
        return True

    def suppress(self, tenant: str, address: str, source: str, detail: str) -> None:
        """Put an address on the do-not-contact list."""
        row = {"tenant": tenant, "address": address, "source": source, "detail": detail, "at": self.now}
        self.connection.execute(self._upsert(schema.suppressions).values(row).on_conflict_do_nothing())

    def halt(self, campaign_key: int, why: str) -> None:
        """Close a campaign for new contacts, because of something every target would meet."""
        campaign = self.campaigns[campaign_key]
        if not campaign.halt and campaign.open:
            self.event(campaign_key, None, "halted", why)
            campaign.open, campaign.halt, campaign.changed = False, why, True

    def flush(self) -> None:
        """Write everything."""
        execute = self.connection.execute
        for campaign in self.campaigns.values():
            if campaign.changed:
                values = {"open": campaign.open, "halt": campaign.halt, "spent": campaign.spent, "updated_at": self.now}
                execute(update(campaigns).where(campaigns.c.key == campaign.key).values(values))
        new = [{name: getattr(a, name) for name in _ATTEMPT_FIELDS} for a in self.attempts.values() if a.new]
        if new:
            execute(insert(attempts), new)
        old = [
            {"k": a.campaign_key, "p": a.position, "n": a.number, **{f"v_{n}": getattr(a, n) for n in _ATTEMPT_CHANGES}}
            for a in self.attempts.values()
            if a.changed and not a.new
        ]
        if old:
            execute(_UPDATE_ATTEMPTS, old)
        moved = [
            {
                "k": t.campaign_key,
                "p": t.position,
                "v_updated_at": self.now,
                **{f"v_{n}": getattr(t, n) for n in _TARGET_CHANGES},
            }
            for t in self.targets.values()
            if t.changed
        ]
        if moved:
            execute(_UPDATE_TARGETS, moved)
        if self._events:
            execute(insert(events), self._events)
        self.count(self._moves)
        self._count_contacts()

    def count(self, moves: Mapping[tuple[int, str, str], int]) -> None:
        """Add to the books: ``moves`` is the change by (campaign, state, outcome)."""
        rows = [
            {"campaign_key": key, "state": state, "outcome": outcome, "n": n}
            for (key, state, outcome), n in sorted(moves.items())
            if n
        ]
        if rows:
            statement = self._upsert(books)
            self.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["campaign_key", "state", "outcome"], set_={"n": books.c.n + statement.excluded.n}
                ),
                rows,
            )

    def _follow(self, target: TargetRow, attempt: AttemptRow, verdict: Verdict) -> None:
        campaign = self.campaigns[attempt.campaign_key]
        if verdict.outcome in UNBILLED:
            self._refund(attempt)
        spec = self.spec(attempt.campaign_key)
        standing = standing_after(
            verdict,
            spec.retry,
            tries=target.tries,
            now=self.now,
            receipt_wait=spec.receipts.wait,
            running=not CampaignStatus(campaign.status).is_final,
        )
        if standing.state is TargetState.UNKNOWN:
            standing = Standing(standing.state, standing.outcome, self.now + self.grace)
        reason = {TargetState.WAITING: "retry", TargetState.UNKNOWN: "lookup"}.get(standing.state)
        target.detail = verdict.detail
        self._rest(target, standing, standing.outcome, reason)
        told = f"attempt {attempt.number}: {verdict.outcome}" + (f" ({verdict.detail})" if verdict.detail else "")
        self.event(attempt.campaign_key, attempt.position, verdict.outcome, told)

    def _rest(self, target: TargetRow, standing: Standing, outcome: str | None, reason: str | None) -> None:
        state, due_at = standing.state, standing.due_at
        status = self.campaigns[target.campaign_key].status
        if state is TargetState.WAITING and status in {CampaignStatus.CANCELLING, CampaignStatus.CANCELLED}:
            state, due_at, reason = TargetState.CANCELLED, NEVER, None
        self.move(target, state, outcome, due_at, reason=reason)
        self.free(target)

    def _refund(self, attempt: AttemptRow) -> None:
        campaign = self.campaigns[attempt.campaign_key]
        campaign.spent, campaign.changed, attempt.cost = campaign.spent - attempt.cost, True, 0

    def _end(self, attempt: AttemptRow, outcome: Outcome, detail: str | None) -> None:
        attempt.outcome, attempt.ended_at, attempt.changed = outcome.value, self.now, True
        attempt.detail = detail or attempt.detail

    def _count_contacts(self) -> None:
        at = int(self.now // TICK_SECONDS) * TICK_SECONDS
        rows = [{"campaign_key": key, "at": at, "contacted": n} for key, n in sorted(self._contacted.items())]
        if rows:
            statement = self._upsert(ticks)
            self.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["campaign_key", "at"],
                    set_={"contacted": ticks.c.contacted + statement.excluded.contacted},
                ),
                rows,
            )

    def _upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self.connection.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)


def attempt_target(attempt: AttemptRow) -> TargetKey:
    """The target of an attempt."""
    return TargetKey(attempt.campaign_key, attempt.position)


_parsed: dict[str, CampaignSpec] = {}


def parsed_spec(text: str) -> CampaignSpec:
    """Parse a campaign's stored file, remembering the latest: a posting needs it for every receipt."""
    if text not in _parsed:
        if len(_parsed) >= 64:
            _parsed.pop(next(iter(_parsed)))
        _parsed[text] = CampaignSpec.model_validate_json(text)
    return _parsed[text]
