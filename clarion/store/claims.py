"""Claims: which chunk works on which targets, fenced so that only the latest owner of a chunk can contact anyone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import Channel
from clarion.domain.errors import Conflict
from clarion.domain.target import CLAIMABLE, Outcome, TargetState
from clarion.store.database import Database, insert_into
from clarion.store.posting import Posting
from clarion.store.rows import ATTEMPT_COLUMNS, AttemptRow, TargetKey
from clarion.store.schema import attempts, campaigns, chunks, targets

CLOCK_SLACK = 5.0
"""Seconds by which the clocks of two Temporal hosts may differ."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a chunk's activity, as Temporal knows it."""

    ordered_at: float
    """Epoch seconds by Temporal's clock; all attempts at one chunk have it in common."""
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class ClaimedTarget:
    """A target that a lane may work on, with all it needs to."""

    key: TargetKey
    state: TargetState
    address: str
    variables: str
    text: str | None
    time_zone: str | None
    segments: int
    attempts: int
    variant: str | None = None
    """Which of the campaign's variants it gets."""


@dataclass(frozen=True, slots=True)
class OpenChunk:
    """A chunk opened by one activity attempt: its fence, and how many targets it took up before."""

    fence: int
    taken: int
    left: tuple[ClaimedTarget, ...]
    """Claimed by an earlier attempt of the same chunk and not contacted; before them calls that may be going on."""


_CLAIMED = (
    targets.c.position,
    targets.c.state,
    targets.c.address,
    targets.c.variables,
    targets.c.text,
    targets.c.time_zone,
    targets.c.segments,
    targets.c.attempts,
    targets.c.variant,
    targets.c.due_at,
)


class Claims:
    """Takes, gives back and frees targets. Blocking."""

    def __init__(self, database: Database, *, grace: float) -> None:
        """``grace``: seconds before a target whose outcome is unknown is looked up."""
        self._database = database
        self._grace = grace

    def open_chunk(self, campaign_key: int, number: int, execution: Execution, now: float) -> OpenChunk:
        """Take over a chunk: fence off earlier executions of it, and find out what they left.

        Intents without a result become unknown: nobody here can say whether they took effect. Calls of an earlier
        attempt at the same chunk stay with it as active targets: its lanes hold them until their outcome is known, so
        that no more calls go on than there are lanes. Raises Conflict when a later execution has taken over already:
        this one was cut off, and Temporal does not wait for it any more.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            query = select(chunks.c.taken, chunks.c.ordered_at, chunks.c.attempt)
            known = connection.execute(query.where(*_chunk(campaign_key, number))).one_or_none()
            if known is not None and _is_later(known, execution):
                message = f"chunk {number} is worked on by a later execution, attempt {known.attempt}"
                raise Conflict(message)
            fence = self._next_fence(posting, campaign_key)
            again = known is not None and known.ordered_at == execution.ordered_at
            taken = known.taken if known is not None and again else 0
            self._write_chunk(posting, campaign_key, number, execution, (fence, taken))
            if known is None:
                return OpenChunk(fence, 0, ())
            of_chunk = targets.c.chunk == number
            if not (again and posting.is_of_calls(campaign_key)):
                self._strand(posting, campaign_key, of_chunk)
            if not again:
                self._release(posting, campaign_key, of_chunk)
                return OpenChunk(fence, 0, ())
            return OpenChunk(fence, taken, self._take_over(posting, campaign_key, number, fence))

    def claim(self, campaign_key: int, number: int, fence: int, limit: int, now: float) -> list[ClaimedTarget]:
        """Claim up to ``limit`` due targets: calls that nobody attends to, then lookups, then retries, then new ones.

        A campaign that is closed for new contacts still takes the first two. Nothing for a stale ``fence``.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            this = _chunk(campaign_key, number)
            if connection.execute(select(chunks.c.fence).where(*this)).scalar_one() != fence:
                return []
            campaign = posting.campaigns[campaign_key]
            states = claimable(campaign.channel, new=campaign.open)
            found: list[ClaimedTarget] = []
            for state in states:
                due = (
                    select(targets.c.position)
                    .where(*_free(campaign_key), targets.c.state == state, targets.c.due_at <= now)
                    .order_by(targets.c.due_at, targets.c.position)
                    .limit(limit - len(found))
                )
                take = (
                    update(targets)
                    .where(targets.c.campaign_key == campaign_key, targets.c.position.in_(due))
                    .values(chunk=number, fence=fence)
                    .returning(*_CLAIMED)
                )
                rows = sorted(connection.execute(take), key=_in_turn)
                found += [_claimed(campaign_key, row) for row in rows]
                if len(found) >= limit:
                    break
            if found:
                connection.execute(update(chunks).where(*this).values(taken=chunks.c.taken + len(found)))
            return found

    def close_chunk(self, campaign_key: int, number: int, fence: int, now: float) -> int:
        """Give back what was not started; return how many targets the chunk took up and kept, over all attempts."""
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            this = _chunk(campaign_key, number)
            current = connection.execute(select(chunks.c.fence, chunks.c.taken).where(*this)).one()
            if current.fence != fence:
                return int(current.taken)
            of_chunk = targets.c.chunk == number
            self._strand(posting, campaign_key, of_chunk)
            taken = max(0, current.taken - self._release(posting, campaign_key, of_chunk))
            connection.execute(update(chunks).where(*this).values(taken=taken, closed_at=now))
            return int(taken)

    def release_stranded(self, campaign_key: int, now: float) -> int:
        """Free every claim of a campaign in which no chunk runs any more; return how many targets got free."""
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            claimed = targets.c.chunk.is_not(None)
            stranded = self._strand(posting, campaign_key, claimed)
            return stranded + self._release(posting, campaign_key, claimed)

    def attempt(self, key: TargetKey, number: int) -> AttemptRow:
        """Return one attempt."""
        query = select(*ATTEMPT_COLUMNS).where(
            attempts.c.campaign_key == key.campaign_key,
            attempts.c.position == key.position,
            attempts.c.number == number,
        )
        with self._database.read() as connection:
            return AttemptRow(*connection.execute(query).one())

    def known_references(self, address: str) -> set[str]:
        """Provider references of all attempts at an address, in every campaign."""
        of_target = (targets.c.campaign_key == attempts.c.campaign_key) & (targets.c.position == attempts.c.position)
        query = (
            select(attempts.c.provider_reference)
            .join(targets, of_target)
            .where(targets.c.address == address, attempts.c.provider_reference.is_not(None))
        )
        with self._database.read() as connection:
            return {reference for (reference,) in connection.execute(query)}

    def _next_fence(self, posting: Posting, campaign_key: int) -> int:
        query = update(campaigns).where(campaigns.c.key == campaign_key).values(fences=campaigns.c.fences + 1)
        return int(posting.connection.execute(query.returning(campaigns.c.fences)).scalar_one())

    def _write_chunk(
        self, posting: Posting, campaign_key: int, number: int, execution: Execution, figures: tuple[int, int]
    ) -> None:
        fence, taken = figures
        facts = {
            "fence": fence,
            "taken": taken,
            "ordered_at": execution.ordered_at,
            "attempt": execution.attempt,
            "worker": execution.worker,
            "opened_at": posting.now,
            "closed_at": None,
        }
        new = insert_into(chunks, posting.connection.dialect.name)
        new = new.values(campaign_key=campaign_key, number=number, **facts)
        posting.connection.execute(
            new.on_conflict_do_update(index_elements=["campaign_key", "number"], set_=facts),
        )

    def _take_over(self, posting: Posting, campaign_key: int, number: int, fence: int) -> tuple[ClaimedTarget, ...]:
        take = (
            update(targets)
            .where(targets.c.campaign_key == campaign_key, targets.c.chunk == number)
            .values(fence=fence)
            .returning(*_CLAIMED)
        )
        rows: Sequence[Row[Any]] = posting.connection.execute(take).all()
        in_turn = sorted(rows, key=lambda row: (row.state != TargetState.ACTIVE, row.position))
        return tuple(_claimed(campaign_key, row) for row in in_turn)

    def _strand(self, posting: Posting, campaign_key: int, which: ColumnElement[bool]) -> int:
        """Free claimed targets that are being contacted, and return how many: without a result, they are unknown."""
        query = select(targets.c.position, targets.c.attempts).where(
            targets.c.campaign_key == campaign_key, which, targets.c.state == TargetState.ACTIVE
        )
        rows = posting.connection.execute(query).all()
        keys = [TargetKey(campaign_key, position) for position, _ in rows]
        posting.load(keys, attempts_of=keys)
        for position, number in rows:
            attempt = posting.attempts[AttemptId(campaign_key, position, number)]
            if attempt.outcome is None and posting.is_of_leads(campaign_key):
                # A question disturbs nobody: it can be asked again without knowing whether it was asked.
                posting.withdraw(attempt, posting.now, "retry", "its worker went away before the answer")
            elif attempt.outcome is None:
                posting.strand(attempt, "its worker went away before the answer")
            elif attempt.outcome == Outcome.PLACED:
                posting.leave(attempt, "its worker went away; the call goes on")
            posting.free(posting.targets[attempt.target])
        posting.flush()
        return len(rows)

    def _release(self, posting: Posting, campaign_key: int, which: ColumnElement[bool]) -> int:
        freed = update(targets).where(targets.c.campaign_key == campaign_key, which).values(chunk=None, fence=None)
        return posting.connection.execute(freed).rowcount


def claimable(channel: str, *, new: bool = True) -> tuple[TargetState, ...]:
    """States a lane may take a target from once it is due, in order; without ``new`` contacts.

    An active target that nobody has claimed is, where people are called, a call that goes on without a lane.
    """
    states = CLAIMABLE if new else (TargetState.UNKNOWN,)
    return (TargetState.ACTIVE, *states) if channel == Channel.CALL else states


def _chunk(campaign_key: int, number: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return chunks.c.campaign_key == campaign_key, chunks.c.number == number


def _free(campaign_key: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return targets.c.campaign_key == campaign_key, targets.c.chunk.is_(None)


def _is_later(known: Row[Any], execution: Execution) -> bool:
    """Whether a chunk was opened by a later execution: a higher attempt, or one of a later run of the campaign."""
    if known.ordered_at == execution.ordered_at:
        return bool(known.attempt > execution.attempt)
    return bool(known.ordered_at > execution.ordered_at + CLOCK_SLACK)


_in_turn = itemgetter(len(_CLAIMED) - 1, 0)
"""Puts claimed rows in the order in which they are due, then in that of the audience."""


def _claimed(campaign_key: int, row: Row[Any]) -> ClaimedTarget:
    position, state, address, variables, *rest, _due_at = row
    return ClaimedTarget(TargetKey(campaign_key, position), TargetState(state), address, variables or "{}", *rest)
