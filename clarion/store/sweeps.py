"""Changes to many targets of a campaign at once, a bounded number in each transaction, so that no lane waits long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import ColumnElement, select, update

from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, TargetState
from clarion.store.database import Database
from clarion.store.lead_rows import FETCH, What, add_counts, forget_lead, read_counts
from clarion.store.lead_schema import leads
from clarion.store.posting import Posting
from clarion.store.rows import TargetKey, TargetRow
from clarion.store.schema import targets
from clarion.store.targets import RETRYABLE_OUTCOMES

BULK = 2_000
"""Targets changed in one transaction."""


def settle_stragglers(posting: Posting, key: int, status: CampaignStatus) -> None:
    """Settle what a receipt set in motion after the last look: nobody will come back to it.

    Of a call that goes on nobody will see the end, so it is unknown; its provider may still tell. A batch that nobody
    looks at any more has answered nothing.
    """
    moved = targets.c.state.in_([TargetState.WAITING, TargetState.ACTIVE]) & targets.c.chunk.is_(None)
    query = select(targets.c.position).where(targets.c.campaign_key == key, moved)
    keys = [TargetKey(key, position) for (position,) in posting.connection.execute(query)]
    posting.load(keys, attempts_of=keys if posting.is_of_calls(key) or posting.is_of_leads(key) else ())
    for target in posting.targets.values():
        outcome = target.outcome
        if outcome == Outcome.SUBMITTED:
            outcome = Outcome.NOT_SENT
            attempt = posting.attempts[AttemptId(*target.key, target.attempts)]
            posting.withdraw(attempt, NEVER, None, f"the campaign is {status}, and its batch had not ended")
        if target.state != TargetState.ACTIVE:
            idle = TargetState.CANCELLED if status is CampaignStatus.CANCELLED else TargetState.FAILED
            posting.move(target, idle, outcome, NEVER)
            posting.event(*target.key, idle, f"the campaign is {status}: nothing is tried again")
        elif target.outcome == Outcome.PLACED:
            attempt = posting.attempts[AttemptId(*target.key, target.attempts)]
            posting.strand(attempt, f"the campaign is {status}, and the call had not ended")
        else:
            posting.move(target, TargetState.SUCCEEDED, target.outcome, NEVER)


class Sweeps:
    """Settles, cancels and requeues, up to ``BULK`` targets in a transaction. Each call says how many. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def conclude_overdue(self, campaign_key: int, now: float, *, before: float | None = None) -> int:
        """Settle accepted targets whose receipt did not come in time: ``sent`` is the last word.

        ``before``: settle those whose receipt was awaited until then (epoch seconds); by default until now.
        """
        deadline = now if before is None else before
        sent = (targets.c.state == TargetState.ACTIVE) & (targets.c.outcome == Outcome.SENT)
        overdue = sent & targets.c.chunk.is_(None) & (targets.c.due_at <= deadline)

        def conclude(posting: Posting, target: TargetRow) -> None:
            posting.move(target, TargetState.SUCCEEDED, target.outcome, NEVER)

        return self._change(campaign_key, overdue, conclude, now)

    def cancel_some(self, campaign_key: int, now: float) -> int:
        """Cancel targets that wait or were never tried; 0 means that none is left."""
        idle = targets.c.state.in_([TargetState.PENDING, TargetState.WAITING]) & targets.c.chunk.is_(None)

        def cancel(posting: Posting, target: TargetRow) -> None:
            posting.move(target, TargetState.CANCELLED, target.outcome, NEVER)

        return self._change(campaign_key, idle, cancel, now)

    def requeue_some(self, campaign_key: int, outcomes: Collection[str], now: float, before: float) -> int:
        """Make failed targets due again that stood so before ``before`` (epoch seconds); 0 means that none is left.

        One that fails anew meanwhile stands so since later, and is left alone. A lead that the CRM did not have is
        fetched again.
        """
        failed = (
            (targets.c.state == TargetState.FAILED)
            & targets.c.chunk.is_(None)
            & targets.c.outcome.in_(sorted(outcomes or RETRYABLE_OUTCOMES))
            & (targets.c.updated_at < before)
        )

        def requeue(posting: Posting, target: TargetRow) -> None:
            target.tries = 0
            if target.outcome == Outcome.NOT_FOUND:
                forget_lead(posting.connection, campaign_key, target.position)
                posting.move(target, TargetState.PENDING, None, NEVER, reason=FETCH)
                return
            posting.move(target, TargetState.WAITING, target.outcome, now, reason="retry")

        return self._change(campaign_key, failed, requeue, now)

    def rewrite(self, campaign_key: int) -> int:
        """Let all answers that the CRM has not taken be written back again; returns how many there were.

        It goes through the leads once, so that it ends even while new errors come in.
        """
        after = total = 0
        while refused := self._forget_errors(campaign_key, after):
            after, total = refused[-1], total + len(refused)
        return total

    def _forget_errors(self, campaign_key: int, after: int) -> Sequence[int]:
        """Forget why the next leads after a position were not written; return their positions."""
        refused = (leads.c.campaign_key == campaign_key) & leads.c.write_error.is_not(None)
        query = select(leads.c.position).where(refused, leads.c.position > after).order_by(leads.c.position).limit(BULK)
        with self._database.write() as connection:
            Posting(connection, 0.0).lock([campaign_key])
            if read_counts(connection, campaign_key)[What.NOT_WRITTEN] == 0:
                return ()
            found = connection.execute(query).scalars().all()
            if found:
                these = refused & leads.c.position.between(found[0], found[-1])
                connection.execute(update(leads).where(these).values(write_error=None))
                add_counts(connection, campaign_key, {What.NOT_WRITTEN: -len(found)})
            return found

    def _change(
        self,
        campaign_key: int,
        which: ColumnElement[bool],
        change: Callable[[Posting, TargetRow], None],
        now: float,
    ) -> int:
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([campaign_key])
            query = select(targets.c.position).where(targets.c.campaign_key == campaign_key, which).limit(BULK)
            posting.load([TargetKey(campaign_key, position) for (position,) in connection.execute(query)])
            for target in posting.targets.values():
                change(posting, target)
            posting.flush()
            return len(posting.targets)
