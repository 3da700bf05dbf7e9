"""What a posting writes beside its rows: the books, the log, contacts per span of time, and the do-not-contact list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ClauseElement, Connection, bindparam, delete, insert, select

from clarion.store.database import insert_into
from clarion.store.schema import TICK_SECONDS, books, events, suppressions, ticks
from clarion.store.statements import Prepared, PreparedSelect


class Person(NamedTuple):
    """Somebody who can be on a tenant's do-not-contact list."""

    tenant: str
    address: str


class Wish(NamedTuple):
    """What a person wants, since when (epoch seconds), and how we know."""

    contact: bool
    at: float
    source: str
    detail: str


def _book(dialect: str) -> ClauseElement:
    new = insert_into(books, dialect)
    return new.on_conflict_do_update(
        index_elements=["campaign_key", "state", "outcome"], set_={"n": books.c.n + new.excluded.n}
    )


def _tick(dialect: str) -> ClauseElement:
    new = insert_into(ticks, dialect)
    return new.on_conflict_do_update(
        index_elements=["campaign_key", "at"], set_={"contacted": ticks.c.contacted + new.excluded.contacted}
    )


def _suppress(dialect: str) -> ClauseElement:
    new = insert_into(suppressions, dialect)
    return new.on_conflict_do_update(
        index_elements=["tenant", "address"],
        set_={"source": new.excluded.source, "detail": new.excluded.detail, "at": new.excluded.at},
        where=suppressions.c.at < new.excluded.at,
    )


_LOG = Prepared(("campaign_key", "position", "at", "kind", "detail"), lambda _: insert(events).inline())
_BOOK = Prepared(("campaign_key", "state", "outcome", "n"), _book)
_TICK = Prepared(("campaign_key", "at", "contacted"), _tick)
_SUPPRESS = Prepared(("tenant", "address", "source", "detail", "at"), _suppress)
_LIFT = Prepared(
    ("of_tenant", "of_address", "until"),
    lambda _: delete(suppressions).where(
        suppressions.c.tenant == bindparam("of_tenant"),
        suppressions.c.address == bindparam("of_address"),
        suppressions.c.at <= bindparam("until"),
    ),
)
_SUPPRESSED = PreparedSelect(
    ("tenant",),
    select(suppressions.c.address).where(suppressions.c.tenant == bindparam("tenant")),
    suppressions.c.address,
)


def suppressed_among(connection: Connection, tenant: str, addresses: Collection[str]) -> set[str]:
    """Which of some addresses are on a tenant's do-not-contact list."""
    return {row[0] for row in _SUPPRESSED.fetch(connection, (tenant,), addresses)}


@dataclass(slots=True)
class Journal:
    """Collects, and writes everything at once, in an order in which two postings cannot wait for each other."""

    now: float
    """Epoch seconds."""
    _lines: list[tuple[int, int | None, float, str, str]] = field(default_factory=list)
    _moves: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    _contacts: Counter[int] = field(default_factory=Counter)
    _wishes: dict[Person, list[Wish]] = field(default_factory=dict)

    def line(self, campaign_key: int, position: int | None, kind: str, detail: str) -> None:
        """Add a line to the log."""
        self._lines.append((campaign_key, position, self.now, kind, detail))

    def move(self, campaign_key: int, was: tuple[str, str | None], becomes: tuple[str, str | None]) -> None:
        """Move one target in the books, from state and outcome to state and outcome."""
        self._moves[campaign_key, was[0], was[1] or ""] -= 1
        self._moves[campaign_key, becomes[0], becomes[1] or ""] += 1

    def add(self, counts: Mapping[tuple[int, str, str], int]) -> None:
        """Add new targets to the books: counts by campaign, state and outcome."""
        self._moves.update(counts)

    def contact(self, campaign_key: int) -> None:
        """Count a contact."""
        self._contacts[campaign_key] += 1

    def wish(self, person: Person, wish: Wish) -> None:
        """Note that a person wants to be contacted no more, or again; the latest wish wins."""
        self._wishes.setdefault(person, []).append(wish)

    def write(self, connection: Connection) -> None:
        """Write everything."""
        _LOG.run(connection, self._lines)
        _BOOK.run(connection, [(*which, n) for which, n in sorted(self._moves.items()) if n])
        span = int(self.now // TICK_SECONDS) * TICK_SECONDS
        _TICK.run(connection, [(key, span, n) for key, n in sorted(self._contacts.items())])
        for person, wishes in sorted(self._wishes.items()):
            for wish in wishes:
                if wish.contact:
                    _LIFT.run(connection, [(*person, wish.at)])
                else:
                    _SUPPRESS.run(connection, [(*person, wish.source, wish.detail, wish.at)])
