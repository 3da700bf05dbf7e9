"""What an intent to call somebody has to keep besides the pace: calls to one person a day, and money still reserved."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy import Connection, bindparam, select, text, union_all

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import Channel
from clarion.domain.target import Outcome
from clarion.store.journal import Person
from clarion.store.posting import Posting
from clarion.store.schema import attempts, campaigns, placed, targets
from clarion.store.statements import PreparedSelect

DAY = 86_400.0
"""Seconds for which a call to a person counts."""

_CALLED = PreparedSelect(
    ("since", "tenant", "channel"),
    select(
        targets.c.address,
        attempts.c.intended_at,
        attempts.c.outcome,
        *(attempts.c[name] for name in ("campaign_key", "position", "number")),
    )
    .join(attempts, (attempts.c.campaign_key == targets.c.campaign_key) & (attempts.c.position == targets.c.position))
    .join(campaigns, campaigns.c.key == targets.c.campaign_key)
    .where(
        attempts.c.intended_at > bindparam("since"),
        campaigns.c.tenant == bindparam("tenant"),
        campaigns.c.channel == bindparam("channel"),
    ),
    targets.c.address,
)
_LOCK = text("SELECT pg_advisory_xact_lock(person) FROM unnest(CAST(:people AS bigint[])) AS person")


@dataclass(frozen=True, slots=True)
class _Call:
    attempt: AttemptId
    at: float
    outcome: str | None


@dataclass(slots=True)
class LatestCalls:
    """Who was called when in the last day, by any campaign of the same tenant."""

    posting: Posting
    _calls: dict[Person, list[_Call]] = field(default_factory=dict)

    def load(self, people: Collection[Person]) -> None:
        """Look them up. Until the end of the transaction nobody else looks these people up in order to call them."""
        if not people:
            return
        connection = self.posting.connection
        if connection.dialect.name == "postgresql":
            _lock(connection, people)
        by_tenant: dict[str, list[str]] = {}
        for tenant, address in people:
            by_tenant.setdefault(tenant, []).append(address)
        for tenant, addresses in by_tenant.items():
            given = (self.posting.now - DAY, tenant, Channel.CALL.value)
            for address, at, outcome, *attempt in _CALLED.fetch(connection, given, addresses):
                self._add(Person(tenant, address), _Call(AttemptId(*attempt), at, outcome))

    def note(self, person: Person, attempt: AttemptId) -> None:
        """Count an attempt that was just granted."""
        self._add(person, _Call(attempt, self.posting.now, None))

    def free_at(self, person: Person, most: int) -> float | None:
        """Return the epoch second from which a person may be called again; None: at once."""
        latest = sorted((call.at for call in self._calls.get(person, ()) if self._counts(call)), reverse=True)
        return latest[most - 1] + DAY if len(latest) >= most else None

    def _add(self, person: Person, call: _Call) -> None:
        self._calls.setdefault(person, []).append(call)

    def _counts(self, call: _Call) -> bool:
        loaded = self.posting.attempts.get(call.attempt)
        return (call.outcome if loaded is None else loaded.outcome) != Outcome.NOT_SENT


def under_way(posting: Posting, campaign_key: int) -> bool:
    """Whether calls of a campaign go on that may turn out to cost less than is reserved for them."""
    this = select(attempts.c.position, attempts.c.number).where(attempts.c.campaign_key == campaign_key)
    query = union_all(this.where(attempts.c.outcome.is_(None)), this.where(placed))
    stored = {AttemptId(campaign_key, *row) for row in posting.connection.execute(query)}
    new = {attempt.id for attempt in posting.attempts.values() if attempt.new and attempt.campaign_key == campaign_key}
    loaded = posting.attempts
    return any(id_ not in loaded or loaded[id_].outcome in {None, Outcome.PLACED} for id_ in stored | new)


def _lock(connection: Connection, people: Iterable[Person]) -> None:
    # In the order of their numbers, so that two who lock several never wait for each other in a ring.
    connection.execute(_LOCK, {"people": sorted({_number(person) for person in people})})


def _number(person: Person) -> int:
    """Return the number by which PostgreSQL locks a person."""
    digest = blake2b("\0".join(person).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
