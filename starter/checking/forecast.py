"""Roughly how fast a campaign goes, when it ends and what it costs: rates, windows, assumed calls and answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from clarion.domain.campaign import CampaignSpec, spacing_of
from clarion.domain.pace import spacing
from clarion.domain.window import Window, is_open, next_opening
from clarion.settings import Account

STEP = 900.0
"""Seconds; windows open and close on quarters of an hour nearly always, and this is a forecast."""
LOOK_AHEAD = 8 * 86_400.0
MOST_OPENINGS = 400
"""A campaign that needs more days than this has no end worth naming."""

MINUTES_PER_CALL = 1.0
"""Assumed on average over all contacts: who is reached talks longer, who is not costs nothing."""
SECONDS_AROUND = 20.0
"""Assumed seconds that a call holds its lane beside talking: ringing, and finding out how it ended."""
SECONDS_PER_ANSWER = 3.0
"""Assumed of an AI that assesses one lead, on average."""


class Tempo(NamedTuple):
    """How fast contacts can follow each other, and why no faster."""

    gap: float
    """Seconds between two of them; 0 is unlimited."""
    lasts: float = 0.0
    """Assumed seconds from the last one's start to its end."""
    at_once: int | None = None
    """Calls, or questions about leads, that may go on at the same time."""
    limited_by_lanes: bool = False
    """How many go on at once decides, and not a rate."""

    def work(self, contacts: int) -> float:
        """Seconds that so many contacts take."""
        return self.gap * contacts if not self.lasts or not contacts else self.gap * (contacts - 1) + self.lasts


def tempo(spec: CampaignSpec, account: Account | None) -> Tempo:
    """Return how fast the limits of campaign and account let a campaign go, when it has the account to itself."""
    gap = spacing_of(spec)
    lanes = spec.limits.concurrency
    if spec.call is None:
        shared = spacing(account.per_second, account.per_minute, account.per_hour) if account else 0.0
        gap = max(gap, shared)
        return Tempo(gap) if spec.assess is None else _of_lanes(gap, SECONDS_PER_ANSWER, lanes)
    if account is not None:
        gap = max(gap, account.call_limits.spacing)
        lanes = min(lanes, account.call_limits.lanes)
    lasts = 60.0 * min(MINUTES_PER_CALL, spec.call.max_minutes) + SECONDS_AROUND
    return _of_lanes(gap, lasts, lanes)


def _of_lanes(gap: float, lasts: float, lanes: int) -> Tempo:
    """Return the tempo of contacts that hold a lane each."""
    return Tempo(max(gap, lasts / lanes), lasts, lanes, limited_by_lanes=lasts / lanes > gap)


def costs(spec: CampaignSpec, account: Account | None, contacts: int, segments: int) -> tuple[float, float]:
    """Return what first tries would cost, expected and at most; without an account, at the usual prices."""
    prices = account or _PRICES
    if spec.call is None:
        return (prices.price_per_segment * segments,) * 2
    expected = min(MINUTES_PER_CALL, spec.call.max_minutes)
    return prices.price_per_minute * expected * contacts, prices.price_per_minute * spec.call.max_minutes * contacts


class _Prices(NamedTuple):
    price_per_segment: float
    price_per_minute: float


_PRICES = _Prices(*(float(Account.model_fields[name].default) for name in _Prices._fields))
"""Of an account that says nothing else."""


def expected_end(window: Window | None, zones: Collection[tuple[str, ...]], start: float, work: float) -> float | None:
    """Return when ``work`` seconds of contacts that begin at ``start`` (epoch seconds) are done.

    ``zones`` are those of the targets, as a window in the target's time needs them: the last one to be done counts.
    None when a window never opens, or not often enough within a year.
    """
    if window is None:
        return start + work
    ends = [_end_in(window, names, start, work) for names in zones or [()]]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _end_in(window: Window, zones: tuple[str, ...], start: float, work: float) -> float | None:
    at, left = start, work
    for _ in range(MOST_OPENINGS):
        opening = next_opening(window, zones, at)
        if opening is None:
            return None
        closing = _closing_after(window, zones, opening)
        if left <= closing - opening:
            return opening + left
        at, left = closing, left - (closing - opening)
    return None


def _closing_after(window: Window, zones: tuple[str, ...], opening: float) -> float:
    at = opening
    while at < opening + LOOK_AHEAD and is_open(window, zones, at):
        at = (at // STEP + 1) * STEP
    return at
