"""Targets as lanes and people see them: claiming what is due, giving back, listing, and changing many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, select, update

from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.books import Books
from clarion.domain.target import CLAIMABLE, Outcome, TargetState
from clarion.store.database import Database
from clarion.store.posting import AttemptRow, Posting, TargetKey
from clarion.store.schema import attempts, books, campaigns, chunks, targets

RETRYABLE_OUTCOMES = (Outcome.FAILED, Outcome.UNDELIVERED, Outcome.EXPIRED, Outcome.NOT_SENT)
"""Failures that another try can help; a wrong number stays wrong."""

BULK = 5_000
"""Targets changed in one transaction when many change at once, so that no lane waits long."""


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


@dataclass(frozen=True, slots=True)
class OpenChunk:
    """A chunk opened by one activity attempt: its fence, and how many targets it took up before."""

    fence: int
    taken: int
    left: tuple[ClaimedTarget, ...]
    """Claimed by an earlier attempt of the same chunk and not contacted."""


_CLAIMED = (
    targets.c.position,
    targets.c.state,
    targets.c.address,
    targets.c.variables,
    targets.c.text,
    targets.c.time_zone,
    targets.c.segments,
    targets.c.attempts,
)


class Targets:
    """Queries and changes on targets. Blocking."""

    def __init__(self, database: Database, *, grace: float) -> None:
        """``grace``: seconds before a target whose outcome is unknown is looked up."""
        self._database = database
        self._grace = grace

    def open_chunk(self, campaign_key: int, number: int, worker: str, now: float) -> OpenChunk:
        """Take over a chunk: fence off earlier attempts of it, and find out what they left.

        Whoever opens last owns it. Intents without a result become unknown: nobody here can say whether they took effect.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            fence = self._next_fence(posting, campaign_key)
            mine = (chunks.c.campaign_key == campaign_key) & (chunks.c.number == number)
            taken = connection.execute(select(chunks.c.taken).where(mine)).scalar()
            if taken is None:
                row = {
                    "campaign_key": campaign_key,
                    "number": number,
                    "fence": fence,
                    "worker": worker,
                    "opened_at": now,
                }
                connection.execute(chunks.insert().values(taken=0, **row))
                return OpenChunk(fence, 0, ())
            connection.execute(update(chunks).where(mine).values(fence=fence, worker=worker))
            self._strand(posting, campaign_key, (targets.c.chunk == number))
            posting.flush()
            connection.execute(
                update(targets)
                .where(targets.c.campaign_key == campaign_key, targets.c.chunk == number)
                .values(fence=fence)
            )
            query = select(*_CLAIMED).where(targets.c.campaign_key == campaign_key, targets.c.chunk == number)
            left = tuple(_claimed(campaign_key, row) for row in connection.execute(query.order_by(targets.c.position)))
            return OpenChunk(fence, taken, left)

    def claim(self, campaign_key: int, number: int, fence: int, limit: int, now: float) -> list[ClaimedTarget]:
        """Claim up to ``limit`` due targets: lookups first, then retries, then new ones.

        A campaign that is closed for new contacts still looks up what is unknown.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            allowed = CLAIMABLE if posting.campaigns[campaign_key].open else (TargetState.UNKNOWN,)
            found: list[ClaimedTarget] = []
            for state in allowed:
                query = (
                    select(*_CLAIMED)
                    .where(
                        targets.c.campaign_key == campaign_key,
                        targets.c.state == state,
                        targets.c.chunk.is_(None),
                        targets.c.due_at <= now,
                    )
                    .order_by(targets.c.due_at, targets.c.position)
                    .limit(limit - len(found))
                )
                found += [_claimed(campaign_key, row) for row in connection.execute(query)]
                if len(found) >= limit:
                    break
            if found:
                positions = [target.key.position for target in found]
                connection.execute(
                    update(targets)
                    .where(targets.c.campaign_key == campaign_key, targets.c.position.in_(positions))
                    .values(chunk=number, fence=fence)
                )
                connection.execute(
                    update(chunks)
                    .where(chunks.c.campaign_key == campaign_key, chunks.c.number == number)
                    .values(taken=chunks.c.taken + len(found))
                )
            return found

    def close_chunk(self, campaign_key: int, number: int, fence: int, now: float) -> int:
        """Give back what the chunk did not start; return how many targets it took up and kept, over all its attempts."""
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            own = (chunks.c.campaign_key == campaign_key) & (chunks.c.number == number)
            current = connection.execute(select(chunks.c.fence, chunks.c.taken).where(own)).one()
            if current.fence != fence:
                return int(current.taken)
            self._strand(posting, campaign_key, targets.c.chunk == number)
            posting.flush()
            released = connection.execute(
                update(targets)
                .where(targets.c.campaign_key == campaign_key, targets.c.chunk == number)
                .values(chunk=None, fence=None)
            ).rowcount
            taken = max(0, current.taken - released)
            connection.execute(update(chunks).where(own).values(taken=taken, closed_at=now))
            return int(taken)

    def release_stranded(self, campaign_key: int, now: float) -> int:
        """Free every claim of a campaign in which no chunk runs any more; return how many there were."""
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            self._strand(posting, campaign_key, targets.c.chunk.is_not(None))
            posting.flush()
            return connection.execute(
                update(targets)
                .where(targets.c.campaign_key == campaign_key, targets.c.chunk.is_not(None))
                .values(chunk=None, fence=None)
            ).rowcount

    def conclude_overdue(
        self, campaign_key: int, now: float, *, before: float | None = None, limit: int = 1_000
    ) -> int:
        """Settle accepted targets whose receipt did not come in time: ``sent`` is the last word.

        ``before``: settle those whose receipt was awaited until then; by default until now.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            query = (
                select(targets.c.position)
                .where(
                    targets.c.campaign_key == campaign_key,
                    targets.c.state == TargetState.ACTIVE,
                    targets.c.chunk.is_(None),
                    targets.c.due_at <= (now if before is None else before),
                )
                .order_by(targets.c.due_at)
                .limit(limit)
            )
            posting.lock([campaign_key])
            keys = [TargetKey(campaign_key, position) for (position,) in connection.execute(query)]
            posting.load(keys)
            for key in keys:
                posting.move(posting.targets[key], TargetState.SUCCEEDED, posting.targets[key].outcome, NEVER)
            posting.flush()
            return len(keys)

    def cancel_some(self, campaign_key: int, now: float) -> int:
        """Cancel up to BULK targets that wait or were never tried; 0 means that none is left."""
        wanted = targets.c.state.in_([TargetState.PENDING, TargetState.WAITING]) & targets.c.chunk.is_(None)
        return self._move_some(campaign_key, wanted, TargetState.CANCELLED, NEVER, None, now)

    def requeue_some(self, campaign_key: int, outcomes: Sequence[str], now: float, before: float) -> int:
        """Make up to BULK failed targets due again that failed before ``before``; 0 means that none is left."""
        wanted = (
            (targets.c.state == TargetState.FAILED)
            & targets.c.outcome.in_(list(outcomes) or list(RETRYABLE_OUTCOMES))
            & (targets.c.updated_at < before)
        )
        return self._move_some(campaign_key, wanted, TargetState.WAITING, now, "retry", now)

    def count_books(self, campaign_key: int) -> Books:
        """Count the targets themselves, row by row: what the books must say. Takes time on a large campaign."""
        with self._database.read() as connection:
            query = select(targets.c.state, func.count()).where(targets.c.campaign_key == campaign_key)
            by_state = {state: n for state, n in connection.execute(query.group_by(targets.c.state))}
            total = connection.execute(select(campaigns.c.total).where(campaigns.c.key == campaign_key)).scalar_one()
        return Books.of(total, by_state)

    def get(self, campaign_key: int, position: int) -> Row[tuple[object, ...]] | None:
        """All columns of one target."""
        with self._database.read() as connection:
            query = select(targets).where(targets.c.campaign_key == campaign_key, targets.c.position == position)
            return connection.execute(query).one_or_none()

    def positions_of(self, campaign_key: int, address: str) -> list[int]:
        """Where an address stands in a campaign, in order."""
        with self._database.read() as connection:
            query = select(targets.c.position).where(
                targets.c.address == address, targets.c.campaign_key == campaign_key
            )
            return sorted(position for (position,) in connection.execute(query))

    def attempts_of(self, campaign_key: int, position: int) -> Sequence[Row[tuple[object, ...]]]:
        """All attempts at one target, in order."""
        with self._database.read() as connection:
            query = select(attempts).where(attempts.c.campaign_key == campaign_key, attempts.c.position == position)
            return connection.execute(query.order_by(attempts.c.number)).all()

    def last_attempt(self, key: TargetKey, number: int) -> AttemptRow:
        """One attempt."""
        with self._database.read() as connection:
            query = select(
                *(attempts.c[name] for name in AttemptRow.__slots__ if name not in {"new", "changed"})
            ).where(
                attempts.c.campaign_key == key.campaign_key,
                attempts.c.position == key.position,
                attempts.c.number == number,
            )
            return AttemptRow(*connection.execute(query).one())

    def known_references(self, address: str) -> set[str]:
        """Provider references of all attempts at an address, in every campaign."""
        with self._database.read() as connection:
            query = (
                select(attempts.c.provider_reference)
                .join(
                    targets,
                    (targets.c.campaign_key == attempts.c.campaign_key) & (targets.c.position == attempts.c.position),
                )
                .where(targets.c.address == address, attempts.c.provider_reference.is_not(None))
            )
            return {reference for (reference,) in connection.execute(query)}

    def page(
        self, campaign_key: int, *, state: str | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[Row[tuple[object, ...]]]:
        """Up to ``limit`` targets after a position, each with its last attempt's facts."""
        with self._database.read() as connection:
            query = (
                select(
                    targets,
                    attempts.c.intended_at,
                    attempts.c.ended_at,
                    attempts.c.cost,
                    attempts.c.provider_reference,
                    attempts.c.provider_status,
                    attempts.c.provider_code,
                )
                .outerjoin(
                    attempts,
                    (attempts.c.campaign_key == targets.c.campaign_key)
                    & (attempts.c.position == targets.c.position)
                    & (attempts.c.number == targets.c.attempts),
                )
                .where(targets.c.campaign_key == campaign_key, targets.c.position > after)
                .order_by(targets.c.position)
                .limit(limit)
            )
            return connection.execute(query if state is None else query.where(targets.c.state == state)).all()

    def all(self, campaign_key: int) -> Iterator[Row[tuple[object, ...]]]:
        """Every target in order, in flat memory."""
        after = 0
        while rows := self.page(campaign_key, after=after, limit=1_000):
            yield from rows
            after = rows[-1].position

    def by_outcome(self, campaign_key: int) -> Sequence[Row[tuple[str, str, int]]]:
        """Counts by state and outcome, from the books."""
        with self._database.read() as connection:
            query = select(books.c.state, books.c.outcome, books.c.n).where(
                books.c.campaign_key == campaign_key, books.c.n != 0
            )
            return connection.execute(query.order_by(books.c.state, books.c.outcome)).all()

    def _next_fence(self, posting: Posting, campaign_key: int) -> int:
        query = update(campaigns).where(campaigns.c.key == campaign_key).values(fences=campaigns.c.fences + 1)
        return int(posting.connection.execute(query.returning(campaigns.c.fences)).scalar_one())

    def _strand(self, posting: Posting, campaign_key: int, which: object) -> None:
        """Mark claimed targets with an intent and no result as unknown."""
        query = select(targets.c.position, targets.c.attempts).where(
            targets.c.campaign_key == campaign_key,
            which,  # type: ignore[arg-type]
            targets.c.state == TargetState.ACTIVE,
        )
        rows = posting.connection.execute(query).all()
        keys = [TargetKey(campaign_key, position) for position, _ in rows]
        posting.load(keys, attempts_of=keys)
        for position, number in rows:
            attempt = posting.attempts[AttemptId(campaign_key, position, number)]
            target = posting.targets[TargetKey(campaign_key, position)]
            if attempt.outcome is None:
                attempt.outcome, attempt.changed = Outcome.UNKNOWN, True
                due_at = max(attempt.slot_at, posting.now) + self._grace
                posting.move(target, TargetState.UNKNOWN, Outcome.UNKNOWN, due_at, reason="lookup")
                posting.event(
                    campaign_key, position, "unknown", f"attempt {number}: its worker went away before the answer"
                )
            posting.free(target)

    def _move_some(
        self, campaign_key: int, wanted: object, state: TargetState, due_at: float, reason: str | None, now: float
    ) -> int:
        with self._database.write() as connection:
            posting = Posting(connection, now, self._grace)
            posting.lock([campaign_key])
            query = select(targets.c.position).where(targets.c.campaign_key == campaign_key, wanted)  # type: ignore[arg-type]
            keys = [TargetKey(campaign_key, position) for (position,) in connection.execute(query.limit(BULK))]
            for start in range(0, len(keys), 500):
                posting.load(keys[start : start + 500])
            for key in keys:
                target = posting.targets[key]
                posting.move(target, state, target.outcome, due_at, reason=reason)
                if state is TargetState.WAITING:
                    target.tries = 0
            posting.flush()
            return len(keys)


def _claimed(campaign_key: int, row: Row[tuple[object, ...]]) -> ClaimedTarget:
    position, state, address, variables, text, time_zone, segments, tried = row
    return ClaimedTarget(
        TargetKey(campaign_key, position),
        TargetState(state),
        address,
        variables or "{}",
        text,
        time_zone,
        segments,
        tried,
    )
