"""Who may hold how many of an account's lanes: by priority, fairly, and never more in all than there are.

An account and its campaigns only talk by messages, which may be late. So the account counts for every campaign what it
*may* be holding (`bound_of`), and gives lanes only out of what nobody can be holding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.domain.campaign import Priority

WEIGHTS: Mapping[Priority, int] = {Priority.HIGH: 8, Priority.NORMAL: 5, Priority.LOW: 2}
"""How lanes are shared where there are not enough: in the same proportion as texts a second by default."""

URGENCY = (Priority.HIGH, Priority.NORMAL, Priority.LOW)

Unseen = tuple[tuple[int, int], ...]
"""Number and lanes of grants that a campaign may not have taken note of."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one campaign would like to have."""

    campaign: str
    priority: Priority
    wants: int
    """Lanes it could use now."""
    since: float
    """Epoch seconds at which it began to wait; earlier ones go first where all else is equal."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one campaign stands with its account."""

    wish: Wish
    bound: int = 0
    """Lanes it may be holding, whatever message is still on its way."""
    runs: bool = False
    """It has a place already, and keeps it."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """Who may hold how many lanes from now on."""

    lanes: Mapping[str, int]
    """By campaign; 0 for whoever has to wait."""
    due: Mapping[str, int]
    """What those that run get once each of the others that run has given back what it holds beyond its share."""
    awaited: int
    """Lanes that those may be holding who do not run, and so will give them back."""
    running: tuple[str, ...]
    waiting: tuple[str, ...]
    """Those without a place, the next one first."""


def in_order(wishes: Sequence[Wish], sitting: frozenset[str] = frozenset()) -> list[Wish]:
    """Order those that want lanes: whoever runs already goes on, then the most urgent, then who waits longest."""
    ordered = sorted(wishes, key=lambda w: (w.campaign not in sitting, URGENCY.index(w.priority), w.since, w.campaign))
    return [wish for wish in ordered if wish.wants > 0]


def shares(wishes: Sequence[Wish], lanes: int) -> dict[str, int]:
    """Share ``lanes`` among all, by weight; what one does not want goes to the others.

    Everybody gets one before anybody gets two, as far as that goes.
    """
    upto = {wish.campaign: wish.wants for wish in wishes}
    return _handed_out(wishes, dict.fromkeys(upto, 0), upto, lanes)


def _handed_out(wishes: Sequence[Wish], got: Mapping[str, int], upto: Mapping[str, int], lanes: int) -> dict[str, int]:
    """Hand out ``lanes`` one by one, on top of what everybody has got, and to nobody more than ``upto`` says."""
    has = dict(got)
    for _ in range(lanes):
        hungry = [wish for wish in wishes if has[wish.campaign] < upto[wish.campaign]]
        if not hungry:
            break
        # The next lane goes where it is worth most: to whoever has least of what its weight entitles it to.
        neediest = min(
            hungry,
            key=lambda w: (has[w.campaign] > 0, (has[w.campaign] + 1) / WEIGHTS[w.priority], w.since, w.campaign),
        )
        has[neediest.campaign] += 1
    return has


def allot(standings: Sequence[Standing], *, lanes: int, seats: int, listening: bool = False) -> Allotment:
    """Say who may hold how many lanes from now on. Nobody gets more than it may be holding, except out of free lanes.

    ``listening``: there may be campaigns that nobody knows of, so no lane counts as free.
    """
    sitting = frozenset(standing.wish.campaign for standing in standings if standing.runs)
    ordered = in_order([standing.wish for standing in standings], sitting)
    chosen, waiting = ordered[: max(seats, 0)], ordered[max(seats, 0) :]
    places = {wish.campaign for wish in chosen}
    bound = {standing.wish.campaign: standing.bound for standing in standings}
    awaited = sum(held for campaign, held in bound.items() if campaign not in places)
    due = shares(chosen, lanes - awaited)
    free = 0 if listening else lanes - sum(bound.values())
    kept = {campaign: min(share, bound[campaign]) for campaign, share in due.items()}
    return Allotment(
        lanes=dict.fromkeys(bound, 0) | _handed_out(chosen, kept, due, free),
        due=due,
        awaited=awaited,
        running=tuple(wish.campaign for wish in chosen),
        waiting=tuple(wish.campaign for wish in waiting),
    )


def bound_of(told: int, unseen: Unseen) -> int:
    """Return the lanes that a campaign may be holding: by its own last word, or by a grant on its way to it."""
    return max(told, *(lanes for _, lanes in unseen), 0)


def still_unseen(unseen: Unseen, seen: int) -> Unseen:
    """Return the grants that may still be on their way to a campaign which has taken note of number ``seen``."""
    return tuple((number, lanes) for number, lanes in unseen if number > seen)


def with_grant(unseen: Unseen, number: int, lanes: int) -> Unseen:
    """Add a grant that goes out now. Earlier and smaller ones say nothing that it does not say."""
    return (*((earlier, larger) for earlier, larger in unseen if larger > lanes), (number, lanes))
