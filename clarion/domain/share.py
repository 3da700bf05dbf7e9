"""Who may hold how many of an account's lanes: by priority, fairly, and never more in all than there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.domain.campaign import Priority

WEIGHTS: Mapping[Priority, int] = {Priority.HIGH: 8, Priority.NORMAL: 5, Priority.LOW: 2}
"""How lanes are shared where there are not enough: in the same proportion as texts a second by default."""

URGENCY = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one campaign would like to have."""

    campaign: str
    priority: Priority
    wants: int
    """Lanes it could use now."""
    since: float
    """Epoch seconds at which it began to wait; earlier ones go first where all else is equal."""


def seated(wishes: Sequence[Wish], seats: int, sitting: frozenset[str] = frozenset()) -> list[Wish]:
    """Return those that may run: whoever runs already goes on, then the most urgent, then who waits longest."""
    ordered = sorted(wishes, key=lambda w: (w.campaign not in sitting, URGENCY.index(w.priority), w.since, w.campaign))
    return [wish for wish in ordered if wish.wants > 0][: max(seats, 0)]


def shares(wishes: Sequence[Wish], lanes: int) -> dict[str, int]:
    """Share ``lanes`` among all, by weight; what one does not want goes to the others.

    Everybody gets one before anybody gets two, as far as that goes.
    """
    got = {wish.campaign: 0 for wish in wishes}
    left = max(lanes, 0)
    while left:
        hungry = [wish for wish in wishes if got[wish.campaign] < wish.wants]
        if not hungry:
            break
        # The next lane goes where it is worth most: to whoever has least of what its weight entitles it to.
        neediest = min(
            hungry,
            key=lambda w: (
                got[w.campaign] > 0,
                (got[w.campaign] + 1) / WEIGHTS[w.priority],
                w.since,
                w.campaign,
            ),
        )
        got[neediest.campaign] += 1
        left -= 1
    return got
